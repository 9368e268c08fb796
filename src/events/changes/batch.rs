//! What transactions purge, gathered until it is handed on.

use crate::events::changed::Changed;
use crate::rules::RuleSet;
use crate::rules::change::{Gathered, Gathering, RowChange, TableName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Transactions on their way.
#[derive(Debug)]
pub(super) struct Batch {
    gathering: Gathering,
    counts: BTreeMap<(String, &'static str), u64>,
}

impl Batch {
    /// Nothing yet, by these rules.
    pub(super) fn by(rules: Arc<RuleSet>) -> Self {
        Self { gathering: Gathering::by(rules), counts: BTreeMap::new() }
    }

    pub(super) const fn rules(&self) -> &Arc<RuleSet> {
        self.gathering.rules()
    }

    /// Whether nothing has happened in it.
    pub(super) fn has_nothing(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many scopes it holds.
    pub(super) const fn len(&self) -> usize {
        self.gathering.len()
    }

    /// Adds what happened to these tables; `tell` gets what is purged wider.
    pub(super) fn add(
        &mut self,
        changes: impl IntoIterator<Item = (TableName, RowChange)>,
        mut tell: impl FnMut(&TableName, &Gathered),
    ) {
        for (table, change) in changes {
            let gathered = self.gathering.add(&table, &change);
            let result = match gathered {
                Gathered::NoRule => "no-rule",
                Gathered::Unconcerned => "unconcerned",
                Gathered::Exactly => "purged",
                Gathered::Wider { .. } => "wider",
            };
            tell(&table, &gathered);
            self.count(table.to_string(), result);
        }
    }

    /// Adds what can't be read: anything may have happened to any table.
    pub(super) fn add_unreadable(&mut self) {
        self.count("other".to_owned(), "malformed");
        let rules = Arc::clone(self.rules());
        self.add(rules.changes().iter().map(|rule| (rule.table.clone(), RowChange::Whole)), |_, _| {});
    }

    /// Adds another, which was gathered by the same rules or is kept apart.
    pub(super) fn absorb(&mut self, other: Self) {
        self.gathering.absorb(other.gathering);
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// What it comes to. Where other rules have come into force since it began, they may name other scopes of what was
    /// gathered: then all is purged that a change could name by them.
    pub(super) fn finish(self, now: &RuleSet) -> Changed {
        let mut purges = self.gathering.purges();
        if now.number() != self.rules().number() && !self.counts.is_empty() {
            purges.extend(now.purges_on_missed_changes());
        }
        Changed { purges, counts: self.counts }
    }

    fn count(&mut self, table: String, result: &'static str) {
        *self.counts.entry((table, result)).or_default() += 1;
    }
}
