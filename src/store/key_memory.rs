//! What was found out about keys a short while ago: that their answers are for one user each, or that the origin fails.
//!
//! Bounded in bytes, since keys are as long as clients make them; what is forgotten early costs some waiting, never a
//! wrong answer.

use crate::clock::Timestamp;
use crate::key::PrimaryKey;
use ahash::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::time::Duration;

/// How long it is remembered what decides how a request is treated.
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(10);

/// What a key of usual length takes; a longer one counts for several.
const KEY_BYTES_TYPICAL: u64 = 256;

/// A bounded memory of something small about keys.
pub(crate) struct KeyMemory<V> {
    remembered_for: Duration,
    keys: Cache<PrimaryKey, Remembered<V>, ByKeyBytes, RandomState>,
}

#[derive(Debug, Clone)]
struct Remembered<V> {
    what: V,
    until: Timestamp,
}

#[derive(Debug, Clone)]
struct ByKeyBytes;

impl<V> Weighter<PrimaryKey, Remembered<V>> for ByKeyBytes {
    fn weight(&self, key: &PrimaryKey, _: &Remembered<V>) -> u64 {
        (key.as_bytes().len() as u64).max(KEY_BYTES_TYPICAL)
    }
}

impl<V: Clone> KeyMemory<V> {
    /// An empty memory of at most `keys_max` keys of usual length (256 bytes and fewer), each for so long.
    pub(crate) fn new(keys_max: usize, remembered_for: Duration) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(keys_max)
            .weight_capacity((keys_max as u64).saturating_mul(KEY_BYTES_TYPICAL))
            // Nothing is hot here: the latest are the ones to remember.
            .hot_allocation(0.5)
            .ghost_allocation(0.0)
            .build()
            .expect("both capacities are set");
        let keys = Cache::with_options(options, ByKeyBytes, RandomState::new(), DefaultLifecycle::default());
        Self { remembered_for, keys }
    }

    /// Remembers this about a key, in place of what was.
    pub(crate) fn remember(&self, key: &PrimaryKey, what: V, now: Timestamp) {
        self.keys.insert(key.clone(), Remembered { what, until: now.saturating_add(self.remembered_for) });
    }

    /// Forgets a key: it is so no more.
    pub(crate) fn forget(&self, key: &PrimaryKey) {
        self.keys.remove(key);
    }

    /// What was found out about a key, if anything was lately.
    pub(crate) fn recall(&self, key: &PrimaryKey, now: Timestamp) -> Option<V> {
        let remembered = self.keys.get(key)?;
        if now < remembered.until {
            return Some(remembered.what);
        }
        self.keys.remove_if(key, |found| found.until <= now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyBuilder, KeyPart};
    use crate::semantics::reason::Reason;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn key(path: &str) -> PrimaryKey {
        let mut builder = KeyBuilder::default();
        builder.part(KeyPart::Path, path.as_bytes());
        builder.finish()
    }

    #[test]
    fn a_key_is_recalled_with_its_reason_until_its_time_is_over() {
        let keys = KeyMemory::new(100, REMEMBERED_FOR);
        keys.remember(&key("/cart"), Reason::ResponsePrivate, NOW);
        assert_eq!(keys.recall(&key("/cart"), NOW), Some(Reason::ResponsePrivate));
        assert_eq!(keys.recall(&key("/other"), NOW), None);
        let last = NOW.saturating_add(REMEMBERED_FOR).saturating_sub(Duration::from_millis(1));
        assert_eq!(keys.recall(&key("/cart"), last), Some(Reason::ResponsePrivate));
        assert_eq!(keys.recall(&key("/cart"), NOW.saturating_add(REMEMBERED_FOR)), None);
    }

    #[test]
    fn a_key_that_was_stored_after_all_is_forgotten() {
        let keys = KeyMemory::new(100, REMEMBERED_FOR);
        keys.remember(&key("/cart"), Reason::SetCookie, NOW);
        keys.forget(&key("/cart"));
        assert_eq!(keys.recall(&key("/cart"), NOW), None);
    }

    #[test]
    fn any_number_of_keys_of_any_length_stays_within_the_bound() {
        let keys = KeyMemory::new(64, REMEMBERED_FOR);
        for number in 0..10_000 {
            let length = 1 + number * 7 % 9000;
            keys.remember(&key(&format!("/{number}/{}", "x".repeat(length))), Reason::ResponseNoStore, NOW);
        }
        assert!(keys.keys.weight() <= 64 * KEY_BYTES_TYPICAL, "{}", keys.keys.weight());
        assert!(!keys.keys.is_empty());
    }
}
