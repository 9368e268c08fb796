//! All stored responses of one primary key.

use super::Entry;
use std::sync::Arc;

/// The variants stored under one primary key, newest first. Immutable: a change makes another.
#[derive(Debug, Default)]
pub struct Variants {
    entries: Vec<Arc<Entry>>,
}

impl Variants {
    /// The entries, newest first.
    #[must_use]
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }
}
