//! The in-process tier, on quick_cache.

use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::key::PrimaryKey;
use std::sync::Arc;

/// How large the tier may grow.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOptions {
    /// Everything charged: heads, bodies, keys, tags, bookkeeping.
    pub size_bytes: u64,
    /// The most variants kept under one primary key; the oldest goes first.
    pub variants_per_key_max: usize,
}

/// The in-process tier.
#[derive(Debug)]
pub struct MemoryTier {}

/// What became of an entry offered to a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is stored.
    Stored,
    /// It is larger than the tier can hold.
    TooLarge,
}

impl MemoryTier {
    /// An empty tier.
    #[must_use]
    pub fn new(options: MemoryOptions) -> Self {
        todo!("{options:?}")
    }

    /// What is stored under a key. Counts as a use.
    #[must_use]
    pub fn lookup(&self, key: &PrimaryKey) -> Option<Arc<Variants>> {
        todo!("{key}")
    }

    /// What is stored under a key, without counting as a use.
    #[must_use]
    pub fn peek(&self, key: &PrimaryKey) -> Option<Arc<Variants>> {
        todo!("{key}")
    }

    /// Stores an entry in place of those of the same variant key (and of those that it supersedes).
    pub fn admit(&self, key: &PrimaryKey, entry: Arc<Entry>) -> Admission {
        todo!("{key} {entry:?}")
    }

    /// Puts `newer` in place of `older`, if `older` is still there.
    pub fn replace(&self, key: &PrimaryKey, older: &Arc<Entry>, newer: Arc<Entry>) -> Admission {
        todo!("{key} {older:?} {newer:?}")
    }

    /// Drops everything under a key.
    pub fn remove(&self, key: &PrimaryKey) {
        todo!("{key}")
    }
}
