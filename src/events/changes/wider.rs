//! Names in the log what is purged wider than its block says, each once.

use crate::rules::change::{Gathered, TableName};
use std::collections::HashSet;

/// So much is named.
const NAMED_MAX: usize = 1_000;

/// What was named already.
#[derive(Debug)]
pub(super) struct Wider {
    named: HashSet<String>,
    hint: &'static str,
}

impl Wider {
    /// Nothing was named; `hint` says how the database is made to tell more.
    pub(super) fn new(hint: &'static str) -> Self {
        Self { named: HashSet::new(), hint }
    }

    /// Names it, if it is purged wider.
    pub(super) fn tell(&mut self, table: &TableName, gathered: &Gathered) {
        let Gathered::Wider { columns, place } = gathered else { return };
        let columns = columns.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        if self.named.len() < NAMED_MAX && self.named.insert(format!("{table} {columns} {place}")) {
            let hint = self.hint;
            tracing::warn!(
                %table, columns, place, hint,
                "these columns are not known of a changed row: everything is purged that the block could name"
            );
        }
    }
}
