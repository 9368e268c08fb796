//! How many of something each client has.

use crate::semantics::network::Network;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who has how many; whoever has none is not in it.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<HashMap<Network, usize, RandomState>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    counts: Arc<Counts>,
    client: Network,
}

impl Counts {
    /// One more for a client that has fewer than `max`.
    pub(super) fn take(self: &Arc<Self>, client: Network, max: usize) -> Option<Place> {
        let mut counts = self.counts();
        let count = counts.entry(client).or_default();
        let has_room = *count < max;
        if has_room {
            *count += 1;
        } else if *count == 0 {
            counts.remove(&client);
        }
        has_room.then(|| Place { counts: Arc::clone(self), client })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, usize, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.counts();
        match counts.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn whoever_has_none_takes_no_memory() {
        let counts = Arc::new(Counts::default());
        let client = Network::from("192.0.2.1".parse::<IpAddr>().unwrap());
        assert!(counts.take(client, 0).is_none() && counts.counts().is_empty());
        let places: Vec<_> = std::iter::from_fn(|| counts.take(client, 3)).collect();
        assert_eq!(places.len(), 3);
        drop(places);
        assert!(counts.counts().is_empty());
    }
}
