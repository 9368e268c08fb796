//! What one client's writes may cost the memory of purges.
//!
//! A write invalidates the URL that it was sent to, and a client can make up queries without end. So each client may name
//! only so much for a while. Beyond that a URL with a query stands for its path with whatever query: one barrier for a
//! path, whatever is made up. Paths are never merged: a client that names another path has to write to it, and takes away
//! what it wrote to and nothing beside it.
//!
//! Clients are counted in a table of fixed size. Two that share a place share a budget, which costs them misses.

use crate::semantics::network::Network;
use ahash::RandomState;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many clients are counted separately, at most.
const PLACES: usize = 4096;

/// For so long what a client has named is counted together.
const WINDOW: Duration = Duration::from_mins(10);

/// How many bytes of barriers one client's queries may take in one window.
const BUDGET_BYTES: u64 = 256 * 1024;

/// What a barrier takes besides its text, in bytes.
const BARRIER_BYTES: usize = 200;

/// How exactly a write's URL is invalidated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// As it is.
    ByUrl,
    /// By its path, with whatever query.
    ByPath,
}

/// The budgets of all clients.
#[derive(Debug)]
pub(super) struct WriteBudgets {
    /// Which window, in the upper half, and how many bytes in it, in the lower.
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for WriteBudgets {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl WriteBudgets {
    /// Charges a client for a URL with a query. `now` is of the monotonic clock.
    pub(super) fn charge(&self, client: IpAddr, url: &str, now: Duration) -> Named {
        let window = (now.as_secs() / WINDOW.as_secs()) & u64::from(u32::MAX);
        let cost = u64::try_from(url.len() + BARRIER_BYTES).unwrap_or(BUDGET_BYTES);
        let place = usize::try_from(self.hasher.hash_one(Network::from(client))).unwrap_or_default() % PLACES;
        let spent = |was: u64| if was >> 32 == window { was & u64::from(u32::MAX) } else { 0 };
        let charged = |was: u64| (spent(was) + cost <= BUDGET_BYTES).then(|| window << 32 | (spent(was) + cost));
        // Relaxed: the count publishes nothing else.
        match self.places[place].fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged) {
            Ok(_) => Named::ByUrl,
            Err(_) => Named::ByPath,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhaust(budgets: &WriteBudgets, client: &str, now: Duration) -> usize {
        let client = client.parse().unwrap();
        (0..10_000).take_while(|n| budgets.charge(client, &format!("http://shop/?q={n}"), now) == Named::ByUrl).count()
    }

    #[test]
    fn a_client_names_so_much_by_url_and_then_by_path_until_the_window_is_over() {
        let budgets = WriteBudgets::default();
        let first = exhaust(&budgets, "192.0.2.1", Duration::ZERO);
        assert!((1_000..1_310).contains(&first), "{first}");
        assert_eq!(exhaust(&budgets, "192.0.2.1", Duration::from_mins(9)), 0);
        assert_eq!(exhaust(&budgets, "192.0.2.1", WINDOW), first);
        let long = "x".repeat(300_000);
        assert_eq!(budgets.charge("192.0.2.9".parse().unwrap(), &long, Duration::ZERO), Named::ByPath);
    }
}
