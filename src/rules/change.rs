//! Changed rows of a database, and the purges that `[[change]]` blocks make of them.
//!
//! A row is purged by what it is called now and by what it was called before. What of that is not known, because the
//! database does not say it, is purged wider: all that the template could name. So is what names more than is taken of
//! one transaction.

use super::RuleSet;
use super::event::{self, EVENT_SCOPES_MAX, Event, EventPurge, EventRule};
use super::tag_template::TagTemplate;
use super::url_scopes::{hosts, prefix_scope, url_scopes};
use crate::scope::{Depth, Scope, Tag};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

/// A table as the database's catalog writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableName {
    /// Its schema: `public`.
    pub(crate) schema: String,
    /// Its name.
    pub(crate) table: String,
}

impl TableName {
    /// Reads `schema.table`, or `table` for one in the schema `public`; `None` where a part is empty.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((schema, table)) = text.split_once('.') else {
            return (!text.is_empty()).then(|| Self::without_schema(text));
        };
        let is_whole = !schema.is_empty() && !table.is_empty();
        is_whole.then(|| Self { schema: schema.to_owned(), table: table.to_owned() })
    }

    /// A table that is named without its schema: in PostgreSQL one in `public`, in MariaDB one of the database that the URL names.
    #[must_use]
    pub(crate) fn without_schema(table: &str) -> Self {
        Self { schema: "public".to_owned(), table: table.to_owned() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// One `[[change]]` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeRule {
    /// `table`
    pub(crate) table: TableName,
    /// `columns`: an update of other columns purges nothing. Empty: any update does.
    pub(crate) columns: Vec<String>,
    /// `purge` and `soft`.
    pub(crate) purge: EventRule,
    /// Where it is written, for the log.
    pub(crate) place: String,
}

impl ChangeRule {
    /// The columns that its templates name.
    pub(crate) fn captures(&self) -> BTreeSet<&str> {
        let EventRule { tags, urls, prefixes, .. } = &self.purge;
        [tags, urls, prefixes].into_iter().flatten().flat_map(TagTemplate::capture_names).collect()
    }

    /// The columns that it looks at.
    fn looks_at(&self) -> BTreeSet<&str> {
        self.columns.iter().map(String::as_str).chain(self.captures()).collect()
    }

    /// Its templates, and what it purges in any case.
    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let EventRule { tags, urls, prefixes, .. } = &self.purge;
        let (tags, urls, prefixes) = (0..tags.len(), 0..urls.len(), 0..prefixes.len());
        [Part::Always]
            .into_iter()
            .chain(tags.map(Part::Tag))
            .chain(urls.map(Part::Url))
            .chain(prefixes.map(Part::Prefix))
    }

    /// Whether an update concerns it. What is not known to be unchanged counts as changed.
    fn concerns(&self, old: &Row, new: &Row) -> bool {
        self.columns.is_empty() || self.looks_at().iter().any(|column| changed(column, old, new))
    }
}

/// What is known of a column in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// It is known.
    Known {
        /// As the database writes it; `None` for NULL. Compared to tell whether it changed.
        raw: Option<Bytes>,
        /// What it is called: nothing, a value, or each of a list. `None` where it can be called nothing, as an object.
        values: Option<Vec<String>>,
    },
    /// It is what it was before, which the database does not say.
    Unchanged,
    /// The database does not say it.
    Unknown,
}

/// The columns of a row that rules look at. One that is not here is not in the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row(pub(crate) BTreeMap<String, Cell>);

/// What happened to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowChange {
    /// A row is new.
    Inserted(Row),
    /// A row is another.
    Updated {
        /// Before.
        old: Row,
        /// Since.
        new: Row,
    },
    /// A row is gone.
    Deleted(Row),
    /// All rows may have changed: the table was emptied, or what happened can't be read.
    Whole,
}

fn changed(column: &str, old: &Row, new: &Row) -> bool {
    match (old.0.get(column), new.0.get(column)) {
        (_, Some(Cell::Unchanged)) => false,
        (Some(Cell::Known { raw: before, .. }), Some(Cell::Known { raw: since, .. })) => before != since,
        _ => true,
    }
}

/// What the rules made of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gathered {
    /// No block names the table.
    NoRule,
    /// No block is concerned.
    Unconcerned,
    /// All that it names is gathered, and nothing else.
    Exactly,
    /// More is purged than it names, since these columns are not known.
    Wider {
        /// The columns.
        columns: BTreeSet<String>,
        /// The block that names them.
        place: String,
    },
}

/// What one or several transactions purge. It holds a bounded number of scopes: above it, a template's scopes become all
/// that it could name.
#[derive(Debug)]
pub(crate) struct Gathering {
    rules: Arc<RuleSet>,
    hosts: Vec<String>,
    /// For each template of each block, and for what each block purges in any case.
    slots: BTreeMap<Slot, Named>,
    count: usize,
    max: usize,
}

/// Which block, and which template of it.
type Slot = (usize, Part);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Always,
    Tag(usize),
    Url(usize),
    Prefix(usize),
}

/// What a template has named so far.
#[derive(Debug)]
enum Named {
    Scopes(HashSet<Scope>),
    /// All that it could.
    Any,
}

impl Gathering {
    /// Nothing yet, by these rules.
    #[must_use]
    pub(crate) fn by(rules: Arc<RuleSet>) -> Self {
        Self::of_at_most(EVENT_SCOPES_MAX, rules)
    }

    pub(super) fn of_at_most(max: usize, rules: Arc<RuleSet>) -> Self {
        let hosts = hosts(&rules);
        Self { rules, hosts, slots: BTreeMap::new(), count: 0, max }
    }

    /// The rules that it goes by.
    #[must_use]
    pub(crate) const fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// How many scopes it holds.
    #[must_use]
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Adds what a change purges.
    pub(crate) fn add(&mut self, table: &TableName, change: &RowChange) -> Gathered {
        let rules = Arc::clone(&self.rules);
        let mut outcome = Gathered::NoRule;
        for (position, rule) in rules.changes().iter().enumerate().filter(|(_, rule)| rule.table == *table) {
            let missing = match change {
                RowChange::Inserted(row) | RowChange::Deleted(row) => self.add_row(position, rule, row, |_| true),
                RowChange::Updated { old, new } if rule.concerns(old, new) => {
                    let mut missing = self.add_row(position, rule, new, |_| true);
                    let may_differ =
                        |template: &TagTemplate| template.capture_names().any(|name| changed(name, old, new));
                    missing.extend(self.add_row(position, rule, old, may_differ));
                    missing
                }
                RowChange::Updated { .. } => {
                    outcome = outcome.or(Gathered::Unconcerned);
                    continue;
                }
                RowChange::Whole => {
                    rule.parts().for_each(|part| self.widen((position, part)));
                    BTreeSet::new()
                }
            };
            let place = rule.place.clone();
            let gathered =
                if missing.is_empty() { Gathered::Exactly } else { Gathered::Wider { columns: missing, place } };
            outcome = outcome.or(gathered);
        }
        self.keep_within();
        outcome
    }

    /// Adds what another has gathered by the same rules; the caller keeps those by others apart.
    pub(crate) fn absorb(&mut self, other: Self) {
        debug_assert_eq!(self.rules.number(), other.rules.number());
        for (slot, named) in other.slots {
            match named {
                Named::Any => self.widen(slot),
                Named::Scopes(scopes) => self.name(slot, scopes),
            }
        }
        self.keep_within();
    }

    /// The purges, each with another depth.
    #[must_use]
    pub(crate) fn purges(&self) -> Vec<EventPurge> {
        let mut by_depth: BTreeMap<Depth, HashSet<Scope>> = BTreeMap::new();
        for (slot, named) in &self.slots {
            let scopes = by_depth.entry(self.rules.changes()[slot.0].purge.depth).or_default();
            match named {
                Named::Scopes(named) => scopes.extend(named.iter().cloned()),
                Named::Any => scopes.extend(self.any(*slot)),
            }
        }
        let purge = |(depth, scopes): (Depth, HashSet<Scope>)| {
            let scopes = if scopes.contains(&Scope::All) { vec![Scope::All] } else { scopes.into_iter().collect() };
            EventPurge { scopes, depth }
        };
        by_depth.into_iter().map(purge).filter(|purge| !purge.scopes.is_empty()).collect()
    }

    /// Adds what a row is called, by the templates of a rule that `may` name something. Returns the columns that are
    /// not known.
    fn add_row(
        &mut self,
        position: usize,
        rule: &ChangeRule,
        row: &Row,
        may: impl Fn(&TagTemplate) -> bool,
    ) -> BTreeSet<String> {
        let values = |cell: &'_ Cell| match cell {
            Cell::Known { values: Some(values), .. } => Some(values.clone()),
            Cell::Known { values: None, .. } | Cell::Unchanged | Cell::Unknown => None,
        };
        let named: Vec<_> = row.0.iter().map(|(name, cell)| (name, values(cell))).collect();
        let event = Event::of_columns(named.iter().map(|(name, values)| (name.as_str(), values.as_deref())));
        let mut missing = BTreeSet::new();
        for part in rule.parts().collect::<Vec<_>>() {
            let slot = (position, part);
            match template(rule, part) {
                None => self.name(slot, rule.purge.always.iter().cloned()),
                Some(template) if may(template) && !self.is_any(slot) => match self.scopes(part, template, &event) {
                    Ok(scopes) => self.name(slot, scopes),
                    Err(unknown) => {
                        missing.extend(unknown);
                        self.widen(slot);
                    }
                },
                Some(_) => {}
            }
        }
        missing
    }

    /// What a template makes of a row; or the columns that are missing for it.
    fn scopes(&self, part: Part, template: &TagTemplate, row: &Event) -> Result<Vec<Scope>, BTreeSet<String>> {
        let all = || template.capture_names().map(str::to_owned).collect::<BTreeSet<_>>();
        let encode: fn(&str) -> String = if matches!(part, Part::Tag(_)) { str::to_owned } else { event::encoded };
        let filled = row.fill(template, encode).map_err(|_| all())?;
        if !filled.missing.is_empty() {
            return Err(filled.missing);
        }
        let mut scopes = Vec::new();
        for text in filled.texts {
            let named = match part {
                Part::Always => None,
                Part::Tag(_) => Tag::new(&text).ok().map(|tag| vec![Scope::Tag(tag)]),
                Part::Url(_) => url_scopes(&self.rules, &self.hosts, &text).ok(),
                Part::Prefix(_) => prefix_scope(&text).ok().map(|scope| vec![scope]),
            };
            scopes.extend(named.ok_or_else(all)?);
        }
        Ok(scopes)
    }

    fn is_any(&self, slot: Slot) -> bool {
        matches!(self.slots.get(&slot), Some(Named::Any))
    }

    fn name(&mut self, slot: Slot, scopes: impl IntoIterator<Item = Scope>) {
        if let Named::Scopes(named) = self.slots.entry(slot).or_insert_with(|| Named::Scopes(HashSet::new())) {
            let before = named.len();
            named.extend(scopes);
            self.count += named.len() - before;
        }
    }

    fn widen(&mut self, slot: Slot) {
        if let Some(Named::Scopes(named)) = self.slots.insert(slot, Named::Any) {
            self.count -= named.len();
        }
    }

    /// The template that has named most becomes all that it could name, until the number is within the bound.
    fn keep_within(&mut self) {
        while self.count > self.max {
            let length = |named: &Named| match named {
                Named::Scopes(named) => named.len(),
                Named::Any => 0,
            };
            let longest = self.slots.iter().max_by_key(|(_, named)| length(named)).map(|(slot, _)| *slot);
            let Some(slot) = longest else { return };
            self.widen(slot);
        }
    }

    fn any(&self, (position, part): Slot) -> Vec<Scope> {
        let rule = &self.rules.changes()[position];
        match (part, template(rule, part)) {
            (Part::Tag(_), Some(template)) => vec![event::any_tag(template)],
            (Part::Url(_), Some(template)) => event::any_url(&self.rules, &self.hosts, template),
            (Part::Prefix(_), Some(template)) => vec![event::any_prefix(template)],
            _ => rule.purge.always.clone(),
        }
    }
}

impl Gathered {
    /// The one that says more.
    fn or(self, other: Self) -> Self {
        let weight = |gathered: &Self| match gathered {
            Self::NoRule => 0,
            Self::Unconcerned => 1,
            Self::Exactly => 2,
            Self::Wider { .. } => 3,
        };
        if weight(&other) > weight(&self) { other } else { self }
    }
}

fn template(rule: &ChangeRule, part: Part) -> Option<&TagTemplate> {
    match part {
        Part::Always => None,
        Part::Tag(nth) => rule.purge.tags.get(nth),
        Part::Url(nth) => rule.purge.urls.get(nth),
        Part::Prefix(nth) => rule.purge.prefixes.get(nth),
    }
}

impl RuleSet {
    /// The columns of a table that rules look at; `None` where no block names the table.
    #[must_use]
    pub(crate) fn columns_looked_at(&self, table: &TableName) -> Option<BTreeSet<&str>> {
        let mut rules = self.changes().iter().filter(|rule| rule.table == *table).peekable();
        rules.peek()?;
        Some(rules.flat_map(ChangeRule::looks_at).collect())
    }

    /// What to purge where changes may have been missed: all that they could have named.
    #[must_use]
    pub(crate) fn purges_on_missed_changes(&self) -> Vec<EventPurge> {
        let hosts = hosts(self);
        let mut by_depth: BTreeMap<Depth, Vec<Scope>> = BTreeMap::new();
        for EventPurge { scopes, depth } in self.changes().iter().map(|rule| rule.purge.could_name(self, &hosts)) {
            by_depth.entry(depth).or_default().extend(scopes);
        }
        let purge = |(depth, scopes): (Depth, Vec<Scope>)| {
            let scopes = if scopes.contains(&Scope::All) { vec![Scope::All] } else { scopes };
            EventPurge { scopes, depth }
        };
        by_depth.into_iter().map(purge).collect()
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
