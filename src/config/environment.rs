//! `LARDER_*`: what the environment says in place of keys of `proxy.toml`. It goes before the file, and arguments of the
//! command line go before it.

use super::ADMIN_TOKEN_VARIABLE;
use super::problem::{Place, Problem};
use super::schema::proxy_schema;
use super::table::{Overlay, Reader};
use super::variable_names::{PREFIX, Step, find, nearest_to};
use super::variable_values;
use serde_json::Value;
use std::borrow::Cow;
use std::ffi::OsString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Variables with a meaning of their own: to the command line, to the build, to the tests and benches.
pub(super) const NOT_KEYS: &[&str] =
    &["LARDER_CONFIG", ADMIN_TOKEN_VARIABLE, "LARDER_REVISION", "LARDER_BLESS", "LARDER_SEEDS", "LARDER_BINARY"];

/// The variables that count. One that is empty counts as not set: that is how a container's file of settings leaves one out.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The admin token, even if it is empty, which is an error.
    pub(super) token: Option<String>,
    /// By name.
    variables: Vec<Variable>,
}

#[derive(Debug, Clone)]
struct Variable {
    name: String,
    /// `None` if it is not UTF-8.
    text: Option<String>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    /// One in which these are set.
    pub fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, text) in variables {
            let Some(name) = name.into_string().ok().filter(|name| name.starts_with(PREFIX)) else { continue };
            let text = text.into_string().ok();
            if name == ADMIN_TOKEN_VARIABLE {
                // What is no text is no token either: as one that is empty, it is refused.
                environment.token = Some(text.unwrap_or_default());
            } else if text.as_deref() != Some("") && !NOT_KEYS.contains(&name.as_str()) && !is_of_kubernetes(&name) {
                environment.variables.push(Variable { name, text });
            }
        }
        // Of two that overlap, the one that says less goes first: a table, then a key of it.
        environment.variables.sort_by(|a, b| a.name.cmp(&b.name));
        environment
    }

    /// The keys that it sets, with the tables that they stand in.
    #[must_use]
    pub(crate) fn keys(&self) -> Vec<String> {
        let schema: Value = serde_json::from_str(&proxy_schema()).expect("the schema is written as JSON");
        let key = |variable: &Variable| {
            let steps = find(&variable.name, &schema)?.path.into_iter().map(|step| match step {
                Step::Key(name) | Step::Chosen(name) => name,
            });
            Some(steps.collect::<Vec<_>>().join("."))
        };
        self.variables.iter().filter_map(key).collect()
    }

    /// Whether it names upstream servers, without which there is nothing to serve.
    #[must_use]
    pub fn names_servers(&self) -> bool {
        let names =
            |variable: &Variable| matches!(variable.name.as_str(), "LARDER_UPSTREAM" | "LARDER_UPSTREAM_SERVERS");
        self.variables.iter().any(names)
    }
}

impl Overlay for Environment {
    fn lay_over<'t>(&'t self, table: &mut DeTable<'t>, reader: &mut Reader<'_>) {
        if self.variables.is_empty() {
            return;
        }
        let schema: Value = serde_json::from_str(&proxy_schema()).expect("the schema is written as JSON");
        for Variable { name, text } in &self.variables {
            let Some(text) = text else {
                let place = Place::argument(name, "");
                reader.push(Problem::error(&place, format!("`{name}` is not UTF-8"), None::<String>));
                continue;
            };
            let Some(named) = find(name, &schema) else {
                reader.push(unknown(name, &schema));
                continue;
            };
            let start = reader.add(name, text);
            let place = reader.place(start..start + text.len());
            match variable_values::read(text, start, named.schema) {
                Ok(value) => {
                    if let Err(in_the_way) = put(table, &named.path, value) {
                        let message =
                            format!("`{in_the_way}` in the file is no table, so nothing can be set within it");
                        let hint =
                            format!("set all of it: {PREFIX}{}", in_the_way.to_ascii_uppercase().replace('.', "_"));
                        reader.push(Problem::error(&place, message, Some(hint)));
                    }
                }
                Err(broken) => {
                    let place = reader.place(broken.span);
                    let hint = "what begins with a bracket is read as TOML: [\"a\", \"b\"], { key = \"value\" }";
                    reader.push(Problem::error(&place, broken.message, Some(hint)));
                }
            }
        }
    }
}

/// A warning, for an older Larder must start with the settings of a newer one. The text is not shown: it may be a secret.
fn unknown(name: &str, schema: &Value) -> Problem {
    let hint = match nearest_to(name, schema) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a name is made of the key's: `memory.size` is LARDER_MEMORY_SIZE".to_owned(),
    };
    Problem::warning(&Place::argument(name, ""), format!("no key has the name `{name}`, so it is not used"), hint)
}

/// Puts a value at its path.
///
/// # Errors
/// The path of what is there already and is no table.
fn put<'t>(table: &mut DeTable<'t>, path: &[Step], value: Spanned<DeValue<'t>>) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let key = match first {
        Step::Key(key) => key.clone(),
        Step::Chosen(name) => known_as(table, name),
    };
    if rest.is_empty() {
        table.insert(Spanned::new(value.span(), Cow::Owned(key)), value);
        return Ok(());
    }
    if !table.contains_key(key.as_str()) {
        let empty = DeValue::Table(DeTable::new());
        table.insert(Spanned::new(value.span(), Cow::Owned(key.clone())), Spanned::new(value.span(), empty));
    }
    match table.get_mut(key.as_str()).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => put(inner, rest, value).map_err(|within| format!("{key}.{within}")),
        _ => Err(key),
    }
}

/// The name that the file has for this one: a variable can't have capitals or dashes of its own.
fn known_as(table: &DeTable<'_>, name: &str) -> String {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let known = table.keys().map(|key| key.get_ref().as_ref()).find(|known| plain(known) == plain(name));
    known.unwrap_or(name).to_owned()
}

/// Whether Kubernetes sets such a variable for a service of that name: `LARDER_SERVICE_HOST`, `LARDER_PORT_8080_TCP_ADDR`,
/// `LARDER_ADMIN_PORT`. Nobody has written it, so nobody is warned of it.
fn is_of_kubernetes(name: &str) -> bool {
    let is_port = |after: &str| {
        after.is_empty() || after.starts_with('_') && after[1..].starts_with(|c: char| c.is_ascii_digit())
    };
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.match_indices("_PORT").any(|(at, word)| is_port(&name[at + word.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_for_services_is_left_alone() {
        for name in [
            "LARDER_SERVICE_HOST",
            "LARDER_SERVICE_PORT",
            "LARDER_SERVICE_PORT_HTTP",
            "LARDER_PORT",
            "LARDER_PORT_8080_TCP",
            "LARDER_PORT_8080_TCP_ADDR",
            "LARDER_ADMIN_PORT_9180_TCP_PROTO",
        ] {
            assert!(is_of_kubernetes(name), "{name}");
        }
        let schema: Value = serde_json::from_str(&proxy_schema()).unwrap();
        for name in super::super::variable_names::all(&schema) {
            assert!(!is_of_kubernetes(&name), "{name} is a key");
        }
    }
}
