//! Keys lately found uncacheable: their requests go on at once instead of waiting for one another.

use crate::clock::Timestamp;
use crate::key::PrimaryKey;
use crate::semantics::reason::Reason;
use std::time::Duration;

/// How long a key is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(10);

/// A bounded memory of uncacheable keys.
#[derive(Debug)]
pub struct UncacheableKeys {}

impl UncacheableKeys {
    /// An empty memory of at most `keys_max` keys.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        todo!("{keys_max}")
    }

    /// Remembers a key and why.
    pub fn remember(&self, key: &PrimaryKey, why: Reason, now: Timestamp) {
        todo!("{key} {why} {now:?}")
    }

    /// Forgets a key: it was stored after all.
    pub fn forget(&self, key: &PrimaryKey) {
        todo!("{key}")
    }

    /// Why a key was found uncacheable, if it was lately.
    #[must_use]
    pub fn recall(&self, key: &PrimaryKey, now: Timestamp) -> Option<Reason> {
        todo!("{key} {now:?}")
    }
}
