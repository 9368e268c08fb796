//! The memory tier as any tier, so that it is held to the same promises.
//!
//! The engine calls the memory tier's own methods, which wait for nothing. Time
//! plays no part in this tier: an entry stays until it is replaced, dropped or evicted, however long it is of use. No
//! reader is misled by that, since each computes an entry's age and lifetime anew.

use crate::entry::Entry;
use crate::key::PrimaryKey;
use crate::store::memory::{Admission, MemoryTier};
use crate::store::tier::{Lookup, Tier};
use std::sync::Arc;
use std::time::Duration;

#[async_trait::async_trait]
impl Tier for MemoryTier {
    async fn lookup(&self, key: &PrimaryKey) -> Lookup {
        Self::lookup(self, key).map_or(Lookup::Absent, Lookup::Found)
    }

    async fn admit(&self, key: &PrimaryKey, entry: Arc<Entry>, _keep_for: Duration) -> Admission {
        Self::admit(self, key, entry)
    }

    async fn discard(&self, key: &PrimaryKey, entry: &Entry) {
        let same = |other: &&Arc<Entry>| other.variant() == entry.variant();
        let Some(variants) = Self::peek(self, key) else { return };
        // One that takes its place just now came later, and stays.
        if let Some(stored) = variants.entries().iter().find(same) {
            Self::discard(self, key, stored);
        }
    }

    async fn peek(&self, key: &PrimaryKey) -> Lookup {
        Self::peek(self, key).map_or(Lookup::Absent, Lookup::Found)
    }
}
