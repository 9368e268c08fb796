//! Events: what other systems say has changed, and the purges that `[[event]]` blocks make of them.

use super::RuleSet;
use super::tag_template::TagTemplate;
use super::url_scopes::{hosts, prefix_scope, url_scopes};
use crate::scope::{Depth, Scope, Tag};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

/// The largest event taken, in bytes of JSON.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// The most fields of an event.
const FIELDS_MAX: usize = 64;

/// The longest type of an event, in bytes.
const TYPE_BYTES_MAX: usize = 200;

/// The most scopes that one template makes of one event.
const SCOPES_MAX: usize = 1_000;

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type: `product.updated`.
    pub kind: String,
    /// Its fields, each with its values: one, or those of a list.
    fields: BTreeMap<String, Vec<String>>,
}

/// Why something is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is no JSON object.
    #[error("it is no JSON object")]
    Syntax,
    /// It has no `type` that is a text of 1 to 200 bytes.
    #[error("it has no `type`, a text of 1 to 200 bytes")]
    Type,
    /// It has more fields or bytes than any event needs.
    #[error("it is larger than an event may be")]
    TooLarge,
}

/// One `[[event]]` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRule {
    /// `on`: which type of event.
    pub on: String,
    /// `purge.tags`
    pub tags: Vec<TagTemplate>,
    /// `purge.urls`
    pub urls: Vec<TagTemplate>,
    /// `purge.prefixes`
    pub prefixes: Vec<TagTemplate>,
    /// `purge.routes`, and everything where `purge.all` is set.
    pub always: Vec<Scope>,
    /// `soft`
    pub depth: Depth,
}

/// A purge that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPurge {
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// How deep.
    pub depth: Depth,
}

/// What the rules make of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// These purges, at least one.
    Purges(Vec<EventPurge>),
    /// No block names its type.
    NoRule,
    /// It lacks what the templates of its blocks need.
    FieldsMissing,
}

impl Event {
    /// Reads a JSON object with a `type`. Texts, numbers and booleans are fields, and so are lists of them.
    ///
    /// # Errors
    /// Where it is none, or too large.
    pub fn parse_json(text: &[u8]) -> Result<Self, EventError> {
        if text.len() > EVENT_BYTES_MAX {
            return Err(EventError::TooLarge);
        }
        let Ok(Value::Object(members)) = serde_json::from_slice(text) else { return Err(EventError::Syntax) };
        let fields = members.into_iter().map(|(name, value)| {
            let values = match value {
                Value::Array(items) => items.iter().filter_map(scalar).collect(),
                value => scalar(&value).into_iter().collect(),
            };
            (name, values)
        });
        Self::of(fields.collect())
    }

    /// From the fields of a stream's entry.
    ///
    /// # Errors
    /// Where there is no `type`, or too much.
    pub fn from_fields(fields: HashMap<String, String>) -> Result<Self, EventError> {
        if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > EVENT_BYTES_MAX {
            return Err(EventError::TooLarge);
        }
        Self::of(fields.into_iter().map(|(name, value)| (name, vec![value])).collect())
    }

    fn of(mut fields: BTreeMap<String, Vec<String>>) -> Result<Self, EventError> {
        let kind = fields.remove("type").and_then(|mut values| values.pop());
        let kind = kind.filter(|kind| (1..=TYPE_BYTES_MAX).contains(&kind.len())).ok_or(EventError::Type)?;
        if fields.len() > FIELDS_MAX {
            return Err(EventError::TooLarge);
        }
        Ok(Self { kind, fields })
    }

    /// What a template makes of it: one text for each combination of the values of the fields that it names.
    fn fill(&self, template: &TagTemplate, encode: fn(&str) -> String) -> Vec<String> {
        let names: BTreeSet<&str> = template.capture_names().collect();
        let mut combinations: Vec<BTreeMap<&str, String>> = vec![BTreeMap::new()];
        for name in names {
            let values = self.fields.get(name).map(Vec::as_slice).unwrap_or_default();
            let mut longer = Vec::new();
            for (combination, value) in combinations.iter().flat_map(|some| values.iter().map(move |v| (some, v))) {
                if longer.len() < SCOPES_MAX {
                    longer.push(combination.clone().into_iter().chain([(name, encode(value))]).collect());
                }
            }
            combinations = longer;
        }
        let text = |values: &BTreeMap<&str, String>| template.text(|name| values.get(name).map(String::as_str));
        combinations.iter().filter_map(text).collect()
    }
}

impl RuleSet {
    /// What to purge on an event.
    #[must_use]
    pub fn purges_on(&self, event: &Event) -> Mapped {
        let mut rules = self.events().iter().filter(|rule| rule.on == event.kind).peekable();
        if rules.peek().is_none() {
            return Mapped::NoRule;
        }
        let hosts = hosts(self);
        let purge = |rule: &EventRule| {
            let mut scopes = rule.always.clone();
            let tags = rule.tags.iter().flat_map(|template| event.fill(template, str::to_owned));
            scopes.extend(tags.filter_map(|text| Tag::new(&text).ok()).map(Scope::Tag));
            let urls = rule.urls.iter().flat_map(|template| event.fill(template, encoded));
            scopes.extend(urls.filter_map(|text| url_scopes(self, &hosts, &text).ok()).flatten());
            let prefixes = rule.prefixes.iter().flat_map(|template| event.fill(template, encoded));
            scopes.extend(prefixes.filter_map(|text| prefix_scope(&text).ok()));
            EventPurge { scopes, depth: rule.depth }
        };
        let purges: Vec<_> = rules.map(purge).filter(|purge| !purge.scopes.is_empty()).collect();
        if purges.is_empty() { Mapped::FieldsMissing } else { Mapped::Purges(purges) }
    }

    /// What to purge where events may have been missed: all that any could have named. A tag with a field in it may be
    /// any tag, so it stands for everything; a URL with one for what begins as it does.
    #[must_use]
    pub fn purges_on_a_gap(&self) -> Vec<EventPurge> {
        let purge = |rule: &EventRule| {
            let mut scopes = rule.always.clone();
            for template in &rule.tags {
                let tag = if template.is_literal() { Tag::new(template.source()).ok() } else { None };
                scopes.push(tag.map_or(Scope::All, Scope::Tag));
            }
            let hosts = hosts(self);
            for template in &rule.urls {
                match template.source().split_once('{') {
                    None => scopes.extend(url_scopes(self, &hosts, template.source()).unwrap_or_default()),
                    Some((begin, _)) => scopes.push(prefix_scope(begin).unwrap_or(Scope::All)),
                }
            }
            for template in &rule.prefixes {
                let begin = template.source().split('{').next().unwrap_or_default();
                scopes.push(prefix_scope(begin).unwrap_or(Scope::All));
            }
            if scopes.contains(&Scope::All) {
                scopes = vec![Scope::All];
            }
            EventPurge { scopes, depth: rule.depth }
        };
        let mut purges: Vec<EventPurge> = Vec::new();
        for purge in self.events().iter().map(purge) {
            if !purge.scopes.is_empty() && !purges.contains(&purge) {
                purges.push(purge);
            }
        }
        purges
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value as a part of a URL: every byte that is not unreserved is percent-encoded (RFC 3986 section 2.3).
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
