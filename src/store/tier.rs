//! What a tier does, whatever it is made of.

use super::memory::Admission;
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::key::PrimaryKey;
use std::sync::Arc;
use std::time::Duration;

/// What a tier has for a key.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// These variants. None of them has been judged: the reader asks the barriers and the rules.
    Found(Variants),
    /// Nothing.
    Absent,
    /// It is not known now.
    Unavailable,
}

/// A place for stored responses. Never fails: what can't be read is not there, what can't be written is not stored.
#[async_trait::async_trait]
pub trait Tier: Send + Sync + 'static {
    /// What is stored under a key.
    async fn lookup(&self, key: &PrimaryKey) -> Lookup;

    /// Stores an entry in place of that of the same variant. It is of use for `keep_for`: until then a tier keeps it while
    /// it has room, and from then on it may drop it.
    async fn admit(&self, key: &PrimaryKey, entry: Arc<Entry>, keep_for: Duration) -> Admission;

    /// Drops the entry of the same variant, if there is one.
    async fn discard(&self, key: &PrimaryKey, entry: &Entry);

    /// As [`Self::lookup`], for who only looks on: a tier that counts its look-ups does not count this one.
    async fn peek(&self, key: &PrimaryKey) -> Lookup {
        self.lookup(key).await
    }
}
