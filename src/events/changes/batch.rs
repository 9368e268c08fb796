//! What transactions purge, gathered until it is handed on.

use super::decode::Said;
use crate::events::changed::Changed;
use crate::rules::RuleSet;
use crate::rules::change::{Gathered, Gathering, RowChange, TableName};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Transactions on their way.
#[derive(Debug)]
pub(super) struct Batch {
    gathering: Gathering,
    counts: BTreeMap<(String, &'static str), u64>,
    /// Their numbers.
    pub(super) transactions: HashSet<u32>,
    /// The position behind the last one that is committed.
    pub(super) end: u64,
}

impl Batch {
    /// Nothing yet, by these rules.
    pub(super) fn by(rules: Arc<RuleSet>) -> Self {
        let (counts, transactions) = (BTreeMap::new(), HashSet::new());
        Self { gathering: Gathering::by(rules), counts, transactions, end: 0 }
    }

    pub(super) const fn rules(&self) -> &Arc<RuleSet> {
        self.gathering.rules()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Whether nothing has happened in it.
    pub(super) fn has_nothing(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many scopes it holds.
    pub(super) const fn len(&self) -> usize {
        self.gathering.len()
    }

    /// Adds what a message says happened; `tell` gets what is purged wider.
    pub(super) fn add(&mut self, said: Said, mut tell: impl FnMut(&TableName, &Gathered)) {
        let changes = match said {
            Said::Change(changes) => changes,
            Said::Unreadable => {
                self.count("other".to_owned(), "malformed");
                let rules = Arc::clone(self.rules());
                rules.changes().iter().map(|rule| (rule.table.clone(), RowChange::Whole)).collect()
            }
            Said::Begin { .. } | Said::Commit { .. } | Said::Nothing => return,
        };
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

    /// Adds another, which was gathered by the same rules or is kept apart.
    pub(super) fn absorb(&mut self, other: Self) {
        self.gathering.absorb(other.gathering);
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        self.transactions.extend(other.transactions);
        self.end = self.end.max(other.end);
    }

    /// What it comes to. Where other rules have come into force since it began, they may name other scopes of what was
    /// gathered: then all is purged that a change could name by them.
    pub(super) fn finish(self, now: &RuleSet) -> Changed {
        let mut purges = self.gathering.purges();
        if now.number() != self.rules().number() && !self.counts.is_empty() {
            purges.extend(now.purges_on_missed_changes());
        }
        Changed { purges, counts: self.counts, end: self.end }
    }

    fn count(&mut self, table: String, result: &'static str) {
        *self.counts.entry((table, result)).or_default() += 1;
    }
}
