//! Callers' own names for their purges: a call that is repeated under its name is the same call.
//!
//! After draft-ietf-httpapi-idempotency-key-header: a name stands for one call, so it is kept with a digest of what was
//! asked. Both travel in the log, so that a repetition is known at whichever instance it is asked. Repetitions that come at
//! once take turns here; at two instances the log's order decides. A name is known for as long as its receipt is remembered.

use tokio::sync::{Mutex, MutexGuard};

/// How many calls of different names may be under way at once without waiting for each other, as a rule.
const TURNS: usize = 64;

/// The name of a call, and what the call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// A hash of the name, in hexadecimal digits.
    pub name: String,
    /// A hash of what was asked; `None` if an instance of an older version did not say.
    pub asked: Option<String>,
}

impl IdempotencyKey {
    /// A caller's name for what it asks.
    #[must_use]
    pub fn new(name: &str, asked: &[u8]) -> Self {
        Self { name: hash(name.as_bytes()), asked: Some(hash(asked)) }
    }

    /// The name of a further purge that the same call asks for.
    #[must_use]
    pub fn further(&self, nth: usize) -> Self {
        Self { name: hash(format!("{} {nth}", self.name).as_bytes()), asked: self.asked.clone() }
    }

    /// Whether a call under the same name asks for the same, as far as is known.
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        self.asked.is_none() || other.asked.is_none() || self.asked == other.asked
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Whose turn it is among calls of the same name.
#[derive(Debug)]
pub(super) struct Turns([Mutex<()>; TURNS]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Turns {
    /// Waits until no call of this name is under way.
    pub(super) async fn wait(&self, key: &IdempotencyKey) -> MutexGuard<'_, ()> {
        let place = key.name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        self.0[place % TURNS].lock().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_what_was_asked_first() {
        let key = IdempotencyKey::new("k", b"one");
        assert!(key.asks_as(&IdempotencyKey::new("k", b"one")));
        assert!(!key.asks_as(&IdempotencyKey::new("k", b"two")));
        assert!(key.asks_as(&IdempotencyKey { asked: None, ..key.clone() }));
        assert_ne!(key.further(1).name, key.name);
        assert_ne!(key.further(1).name, key.further(2).name);
    }

    #[tokio::test]
    async fn calls_of_one_name_take_turns() {
        let turns = Turns::default();
        let key = IdempotencyKey::new("k", b"one");
        let turn = turns.wait(&key).await;
        tokio::select! {
            biased;
            _ = turns.wait(&key) => panic!("the first is under way"),
            () = async {} => {}
        }
        drop(turn);
        drop(turns.wait(&key).await);
    }
}
