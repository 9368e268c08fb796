//! The names of the environment variables that stand for keys of `proxy.toml`. They are made of the schema's keys, so that
//! each key has one, and a new key needs no list: `memory.size` is `LARDER_MEMORY_SIZE`. Where the operator chooses the name
//! of a table, two underscores stand on either side: `upstreams.search.servers` is `LARDER_UPSTREAMS__SEARCH__SERVERS`.

use super::table::nearest;
use serde_json::{Map, Value};

/// What every such variable begins with.
pub(super) const PREFIX: &str = "LARDER_";

/// One step on the way to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of the schema.
    Key(String),
    /// A name that the operator has chosen, in lower case: variables are written in capitals.
    Chosen(String),
}

/// A key of the file that a variable stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'s> {
    /// From the file's root.
    pub(super) path: Vec<Step>,
    /// What may stand there.
    pub(super) schema: &'s Value,
}

/// The key that a variable's name stands for.
pub(super) fn find<'s>(name: &str, schema: &'s Value) -> Option<Named<'s>> {
    let mut path = Vec::new();
    let rest = name.strip_prefix(PREFIX)?.to_ascii_uppercase();
    let schema = descend(&rest, schema, &mut path)?;
    Some(Named { path, schema })
}

fn descend<'s>(rest: &str, schema: &'s Value, path: &mut Vec<Step>) -> Option<&'s Value> {
    for (key, property) in alternatives(schema).filter_map(properties).flatten() {
        let Some(after) = rest.strip_prefix(&key.to_ascii_uppercase()) else { continue };
        path.push(Step::Key(key.clone()));
        let found = match (after, after.strip_prefix("__"), after.strip_prefix('_')) {
            ("", _, _) => Some(property),
            (_, Some(inner), _) => within_chosen(inner, property, path).or_else(|| descend(inner, property, path)),
            (_, None, Some(inner)) => descend(inner, property, path),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        path.pop();
    }
    None
}

/// What is within a table whose name the operator has chosen.
fn within_chosen<'s>(rest: &str, schema: &'s Value, path: &mut Vec<Step>) -> Option<&'s Value> {
    let table = alternatives(schema).find_map(chosen)?;
    let (name, inner) = rest.split_once("__").map_or((rest, None), |(name, inner)| (name, Some(inner)));
    path.push(Step::Chosen(name.to_ascii_lowercase()));
    let found = inner.map_or(Some(table), |inner| descend(inner, table, path));
    if found.is_none() {
        path.pop();
    }
    found
}

/// The known name that a mistyped one most likely means.
pub(super) fn nearest_to(name: &str, schema: &Value) -> Option<String> {
    let known: Vec<String> = all(schema).iter().map(|name| name.to_ascii_lowercase()).collect();
    nearest(name, known.iter().map(String::as_str)).map(str::to_ascii_uppercase)
}

/// The name of each key and table, with `NAME` where the operator chooses.
pub(super) fn all(schema: &Value) -> Vec<String> {
    let mut names = Vec::new();
    gather(PREFIX, schema, &mut names);
    names
}

fn gather(before: &str, schema: &Value, names: &mut Vec<String>) {
    for (key, property) in alternatives(schema).filter_map(properties).flatten() {
        let name = format!("{before}{}", key.to_ascii_uppercase());
        gather(&format!("{name}_"), property, names);
        for table in alternatives(property).filter_map(chosen) {
            gather(&format!("{name}__NAME__"), table, names);
        }
        names.push(name);
    }
}

/// The schema itself, or those that a value may have instead.
pub(super) fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let choices = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    std::iter::once(schema).chain(choices)
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema["properties"].as_object()
}

/// What stands under the names that the operator chooses.
fn chosen(schema: &Value) -> Option<&Value> {
    Some(&schema["additionalProperties"]).filter(|inner| inner.is_object())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::proxy_schema;
    use std::collections::HashSet;

    #[test]
    fn each_key_has_one_name_which_finds_it() {
        let schema: Value = serde_json::from_str(&proxy_schema()).unwrap();
        let names = all(&schema);
        assert!(names.len() > 50, "{names:?}");
        let mut seen = HashSet::new();
        for name in &names {
            assert!(seen.insert(name), "{name} stands for two keys");
            let found = find(name, &schema).unwrap_or_else(|| panic!("{name} stands for no key"));
            let steps = found.path.iter().map(|step| match step {
                Step::Key(key) => key.to_ascii_uppercase(),
                Step::Chosen(name) => format!("_{}_", name.to_ascii_uppercase()),
            });
            let spelt = format!("{PREFIX}{}", steps.collect::<Vec<_>>().join("_"));
            assert_eq!(&spelt, name, "found {:?}", found.path);
        }
        for taken in super::super::environment::NOT_KEYS {
            assert!(!seen.contains(&(*taken).to_owned()), "{taken} has a meaning of its own");
        }
    }

    #[test]
    fn names_lead_to_their_keys() {
        let schema: Value = serde_json::from_str(&proxy_schema()).unwrap();
        for (name, path) in [
            ("LARDER_RULES", "rules"),
            ("LARDER_LISTEN_HTTP", "listen.http"),
            ("LARDER_LISTEN__HTTP", "listen.http"),
            ("LARDER_UPSTREAM", "upstream"),
            ("LARDER_UPSTREAM_EJECT_FOR", "upstream.eject.for"),
            ("LARDER_UPSTREAMS__SEARCH__SERVERS", "upstreams.<search>.servers"),
            ("LARDER_UPSTREAMS__FULL_TEXT__EJECT_FAILURES", "upstreams.<full_text>.eject.failures"),
            ("LARDER_UPSTREAMS__full-text__SERVERS", "upstreams.<full-text>.servers"),
            ("LARDER_UPSTREAMS__SEARCH", "upstreams.<search>"),
        ] {
            let found = find(name, &schema).unwrap_or_else(|| panic!("{name}"));
            let steps = found.path.into_iter().map(|step| match step {
                Step::Key(key) => key,
                Step::Chosen(name) => format!("<{name}>"),
            });
            assert_eq!(steps.collect::<Vec<_>>().join("."), path, "{name}");
        }
        for name in
            ["LARDER_", "LARDER_MEMORYSIZE", "LARDER_UPSTREAMS_SEARCH_SERVERS", "LARDER_MEMORY_SIZE_", "MEMORY_SIZE"]
        {
            assert_eq!(find(name, &schema), None, "{name}");
        }
        assert_eq!(nearest_to("LARDER_MEMORY_SIZ", &schema).as_deref(), Some("LARDER_MEMORY_SIZE"));
        assert_eq!(nearest_to("LARDER_SOMETHING_ELSE", &schema), None);
    }
}
