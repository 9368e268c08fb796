//! How much was purged, by kind of scope and by who asked.

use super::purge::PurgeSource;
use crate::scope::Scope;
use std::sync::atomic::{AtomicU64, Ordering};

/// The labels of [`Scope`], each in the row that counts it.
const LABELS: [&str; 5] = ["all", "route", "tag", "url", "prefix"];

/// How many scopes of one kind one source has purged since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeCount {
    /// The scope's label.
    pub scope: &'static str,
    /// Who asked: [`PurgeSource::Fleet`] for all that other instances were asked for.
    pub source: PurgeSource,
    /// How many.
    pub count: u64,
}

/// One counter for each pair of scope label and source.
#[derive(Debug, Default)]
pub(super) struct PurgeCounts {
    rows: [[AtomicU64; PurgeSource::ALL.len()]; LABELS.len()],
}

impl PurgeCounts {
    pub(super) fn add(&self, scopes: &[Scope], source: PurgeSource) {
        for scope in scopes {
            self.rows[row(scope)][column(source)].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Vec<PurgeCount> {
        let cell = |row: usize, source| self.rows[row][column(source)].load(Ordering::Relaxed);
        let count = |row, source| PurgeCount { scope: LABELS[row], source, count: cell(row, source) };
        (0..LABELS.len()).flat_map(|row| PurgeSource::ALL.map(|source| count(row, source))).collect()
    }
}

const fn row(scope: &Scope) -> usize {
    match scope {
        Scope::All => 0,
        Scope::Route(_) => 1,
        Scope::Tag(_) => 2,
        Scope::Url(_) => 3,
        Scope::Prefix(_) => 4,
    }
}

const fn column(source: PurgeSource) -> usize {
    match source {
        PurgeSource::Admin => 0,
        PurgeSource::UnsafeRequest => 1,
        PurgeSource::Event => 2,
        PurgeSource::Fleet => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{RouteName, Tag};

    #[test]
    fn each_scope_is_counted_under_its_own_label_and_source() {
        let scopes = [
            ("all", Scope::All),
            ("route", Scope::Route(RouteName::new("product"))),
            ("tag", Scope::Tag(Tag::new("product:1").unwrap())),
            ("url", Scope::Url("/a".into())),
            ("prefix", Scope::Prefix("/a".into())),
        ];
        for (label, scope) in scopes {
            for source in PurgeSource::ALL {
                let counts = PurgeCounts::default();
                counts.add(std::slice::from_ref(&scope), source);
                let counted: Vec<_> = counts.read().into_iter().filter(|count| count.count > 0).collect();
                assert_eq!(counted, [PurgeCount { scope: label, source, count: 1 }]);
            }
        }
    }
}
