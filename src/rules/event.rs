//! Events: what other systems say has changed, and the purges that `[[event]]` blocks make of them.

use super::RuleSet;
use super::json::Members;
use super::literal::NOT_UNRESERVED;
use super::tag_template::TagTemplate;
use super::url_scopes::{hosts, prefix_scope, url_scopes};
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::scope::{Depth, Scope, Tag};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The largest event taken, in bytes of JSON: as large as any body that the admin API takes.
pub(crate) const EVENT_BYTES_MAX: usize = 1 << 20;

/// The most fields of an event.
const FIELDS_MAX: usize = 64;

/// Below it each integer has a number of its own among those of floating point: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The longest type of an event, in characters.
const TYPE_CHARS_MAX: usize = 200;

/// The most scopes that one event may name. One that names more is refused as a whole.
pub(crate) const EVENT_SCOPES_MAX: usize = 100_000;

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type: `product.updated`.
    pub kind: String,
    /// Its fields.
    fields: BTreeMap<String, Field>,
}

/// A field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// Its values: one, or those of a list.
    values: Vec<String>,
    /// Whether all of it was values.
    whole: Whole,
}

/// Whether a field, or what a template makes of an event, holds all that was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    /// Something was no value, or made no scope.
    No,
}

/// Why something is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is no JSON object.
    #[error("it is not a JSON object")]
    Syntax,
    /// It has no `type` that is a text of 1 to 200 characters.
    #[error("it has no `type`, a text of 1 to 200 characters")]
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
    /// Something to purge.
    Purges {
        /// At least one, each with another depth.
        purges: Vec<EventPurge>,
        /// The fields for want of which something else that its blocks name is not purged.
        missing: Vec<String>,
    },
    /// No block names its type.
    NoRule,
    /// It lacks these fields, and without them its blocks name nothing.
    FieldsMissing(Vec<String>),
    /// It names more than [`EVENT_SCOPES_MAX`] scopes.
    TooMany,
}

impl Event {
    /// Reads a JSON object with a `type`. A field's value is a text, a number or a boolean; a list of them is several
    /// values, and so is a field that stands there more than once. A null, an object, a list in a list and an integer of
    /// more than 64 bits are none.
    ///
    /// # Errors
    /// Where it is none, or too large.
    pub fn parse_json(text: &[u8]) -> Result<Self, EventError> {
        if text.len() > EVENT_BYTES_MAX {
            return Err(EventError::TooLarge);
        }
        let Ok(Members(members)) = serde_json::from_slice(text) else { return Err(EventError::Syntax) };
        let (types, fields): (Vec<_>, Vec<_>) = members.into_iter().partition(|(name, _)| name == "type");
        let [(_, Value::String(kind))] = types.as_slice() else { return Err(EventError::Type) };
        Self::of(kind.clone(), fields.into_iter().map(|(name, value)| (name, Field::read(&value))))
    }

    /// From the fields of a stream's entry. One that stands there more than once has several values.
    ///
    /// # Errors
    /// Where there is no one `type`, or too much.
    pub fn from_fields(fields: Vec<(String, String)>) -> Result<Self, EventError> {
        if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > EVENT_BYTES_MAX {
            return Err(EventError::TooLarge);
        }
        let (types, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| name == "type");
        let [(_, kind)] = types.as_slice() else { return Err(EventError::Type) };
        Self::of(kind.clone(), fields.into_iter().map(|(name, text)| (name, Field::read(&Value::String(text)))))
    }

    /// Of a row's columns: each with what it is called, or with nothing where that is not known.
    pub(super) fn of_columns<'c>(columns: impl Iterator<Item = (&'c str, Option<&'c [String]>)>) -> Self {
        let whole = |values: &[String]| Field { values: values.to_vec(), whole: Whole::Yes };
        let known = columns.filter_map(|(name, values)| Some((name.to_owned(), whole(values?))));
        Self { kind: String::new(), fields: known.collect() }
    }

    fn of(kind: String, members: impl Iterator<Item = (String, Field)>) -> Result<Self, EventError> {
        if !(1..=TYPE_CHARS_MAX).contains(&kind.chars().count()) {
            return Err(EventError::Type);
        }
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        for (name, field) in members {
            match fields.entry(name) {
                Entry::Vacant(absent) => drop(absent.insert(field)),
                Entry::Occupied(mut known) => known.get_mut().add(field),
            }
        }
        if fields.len() > FIELDS_MAX {
            return Err(EventError::TooLarge);
        }
        Ok(Self { kind, fields })
    }

    /// What a template makes of it: one text for each combination of the values of the fields that it names.
    pub(super) fn fill(&self, template: &TagTemplate, encode: fn(&str) -> String) -> Result<Filled, TooMany> {
        let names: BTreeSet<&str> = template.capture_names().collect();
        let values = |name: &str| self.fields.get(name).map(|field| field.values.as_slice()).unwrap_or_default();
        let mut counts = names.iter().map(|name| values(name).len());
        counts.try_fold(1_usize, usize::checked_mul).ok_or(TooMany).and_then(within)?;
        let mut combinations: Vec<BTreeMap<&str, String>> = vec![BTreeMap::new()];
        for name in &names {
            let longer = combinations.iter().flat_map(|some| {
                let with = move |value: &String| some.clone().into_iter().chain([(*name, encode(value))]).collect();
                values(name).iter().map(with)
            });
            combinations = longer.collect();
        }
        let text = |values: &BTreeMap<&str, String>| template.text(|name| values.get(name).map(String::as_str));
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::ListIsCut) {
            combinations.truncate(1_000);
        }
        let lacks = |name: &&str| self.fields.get(*name).is_none_or(|field| field.whole == Whole::No);
        Ok(Filled {
            texts: combinations.iter().filter_map(text).collect(),
            missing: names.into_iter().filter(lacks).map(str::to_owned).collect(),
        })
    }
}

impl Field {
    fn read(value: &Value) -> Self {
        let items = if let Value::Array(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
        let values: Vec<Vec<String>> = items.iter().map(texts).collect();
        // A list of nothing names nothing either.
        let is_whole = !values.is_empty() && values.iter().all(|texts| !texts.is_empty());
        Self { values: values.concat(), whole: if is_whole { Whole::Yes } else { Whole::No } }
    }

    /// The values of another of the same name, too.
    fn add(&mut self, other: Self) {
        self.values.extend(other.values);
        if other.whole == Whole::No {
            self.whole = Whole::No;
        }
    }
}

/// What a template makes of an event.
pub(super) struct Filled {
    pub(super) texts: Vec<String>,
    /// Fields that are not there, or not whole.
    pub(super) missing: BTreeSet<String>,
}

/// An event names more than [`EVENT_SCOPES_MAX`] scopes.
pub(super) struct TooMany;

const fn within(count: usize) -> Result<usize, TooMany> {
    if count > EVENT_SCOPES_MAX { Err(TooMany) } else { Ok(count) }
}

/// What is gathered of one event.
#[derive(Default)]
struct Gathered {
    scopes: BTreeMap<Depth, Vec<Scope>>,
    count: usize,
    missing: BTreeSet<String>,
}

impl Gathered {
    fn add(&mut self, depth: Depth, scopes: impl IntoIterator<Item = Scope>) -> Result<(), TooMany> {
        let known = self.scopes.entry(depth).or_default();
        let before = known.len();
        known.extend(scopes);
        self.count = within(self.count + known.len() - before)?;
        Ok(())
    }

    /// Adds what `scopes` makes of each text of a template. What it makes nothing of counts as missing.
    fn fill<I: IntoIterator<Item = Scope>>(
        &mut self,
        rule: &EventRule,
        template: &TagTemplate,
        filled: Filled,
        scopes: impl Fn(&str) -> Option<I>,
    ) -> Result<(), TooMany> {
        self.missing.extend(filled.missing);
        for text in filled.texts {
            match scopes(&text) {
                Some(scopes) => self.add(rule.depth, scopes)?,
                None => self.missing.extend(template.capture_names().map(str::to_owned)),
            }
        }
        Ok(())
    }
}

impl RuleSet {
    /// What to purge on an event.
    #[must_use]
    pub fn purges_on(&self, event: &Event) -> Mapped {
        let rules: Vec<_> = self.events().iter().filter(|rule| rule.on == event.kind).collect();
        if rules.is_empty() {
            return Mapped::NoRule;
        }
        let Ok(Gathered { scopes, missing, .. }) = self.gather(event, &rules) else { return Mapped::TooMany };
        let missing: Vec<String> = missing.into_iter().collect();
        let purges = scopes.into_iter().map(|(depth, scopes)| EventPurge { scopes, depth });
        let purges: Vec<_> = purges.filter(|purge| !purge.scopes.is_empty()).collect();
        if purges.is_empty() { Mapped::FieldsMissing(missing) } else { Mapped::Purges { purges, missing } }
    }

    fn gather(&self, event: &Event, rules: &[&EventRule]) -> Result<Gathered, TooMany> {
        let hosts = hosts(self);
        let mut gathered = Gathered::default();
        for rule in rules {
            gathered.add(rule.depth, rule.always.iter().cloned())?;
            for template in &rule.tags {
                let filled = event.fill(template, str::to_owned)?;
                gathered.fill(rule, template, filled, |text| Tag::new(text).ok().map(|tag| [Scope::Tag(tag)]))?;
            }
            for template in &rule.urls {
                let filled = event.fill(template, encoded)?;
                gathered.fill(rule, template, filled, |text| url_scopes(self, &hosts, text).ok())?;
            }
            for template in &rule.prefixes {
                let filled = event.fill(template, encoded)?;
                gathered.fill(rule, template, filled, |text| prefix_scope(text).ok().map(|scope| [scope]))?;
            }
        }
        Ok(gathered)
    }

    /// What to purge where events, of one type or any, may have been missed: all that they could have named. A tag with a field in it may be
    /// any tag, so it stands for everything; a URL with one for what begins as it does.
    #[must_use]
    pub fn purges_on_a_gap(&self, kind: Option<&str>) -> Vec<EventPurge> {
        let hosts = hosts(self);
        let mut purges: Vec<EventPurge> = Vec::new();
        let could_be = |rule: &&EventRule| kind.is_none_or(|kind| rule.on == kind);
        for purge in self.events().iter().filter(could_be).map(|rule| rule.could_name(self, &hosts)) {
            if !purge.scopes.is_empty() && !purges.contains(&purge) {
                purges.push(purge);
            }
        }
        purges
    }
}

impl EventRule {
    /// All that it could purge, whatever the fields.
    pub(super) fn could_name(&self, rules: &RuleSet, hosts: &[String]) -> EventPurge {
        let mut scopes = self.always.clone();
        scopes.extend(self.tags.iter().map(any_tag));
        scopes.extend(self.urls.iter().flat_map(|template| any_url(rules, hosts, template)));
        scopes.extend(self.prefixes.iter().map(any_prefix));
        if scopes.contains(&Scope::All) {
            scopes = vec![Scope::All];
        }
        EventPurge { scopes, depth: self.depth }
    }
}

/// All that a tag's template could name. A tag has no wider scope than everything.
pub(super) fn any_tag(template: &TagTemplate) -> Scope {
    let tag = if template.is_literal() { Tag::new(template.source()).ok() } else { None };
    tag.map_or(Scope::All, Scope::Tag)
}

/// All that a URL's template could name.
pub(super) fn any_url(rules: &RuleSet, hosts: &[String], template: &TagTemplate) -> Vec<Scope> {
    match template.source().split_once('{') {
        None => url_scopes(rules, hosts, template.source()).unwrap_or_default(),
        Some((begin, _)) => vec![prefix_scope(begin).unwrap_or(Scope::All)],
    }
}

/// All that a prefix's template could name.
pub(super) fn any_prefix(template: &TagTemplate) -> Scope {
    let begin = template.source().split('{').next().unwrap_or_default();
    prefix_scope(begin).unwrap_or(Scope::All)
}

/// What a value may be called; nothing where it names nothing. A whole number that its sender writes with a fraction or an
/// exponent has two names: 42.0 may be product 42, or version 42.0 of something.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        // An empty text names nothing.
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            // Beyond that, digits are lost, and another's name would be purged.
            Some(value) if value.abs() >= EXACT_MAX => Vec::new(),
            Some(value) if value.fract() == 0.0 => vec![format!("{value:.0}"), number.to_string()],
            Some(_) | None => vec![number.to_string()],
        },
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Null | Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

/// A value as a part of a URL.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NOT_UNRESERVED).to_string()
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
