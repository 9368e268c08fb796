//! How many requests each client has made in the second under way, in fixed memory: a count-min sketch, which may take a
//! client for more than it is, but never for less. Whoever is refused is not counted, so what a sketch holds in a second is
//! at most each client's limit, and one that overdoes it costs the others nothing.
//!
//! Seconds take turns with two sketches, so that what comes late for one is not counted in the next.

use super::TooMany;
use crate::semantics::network::Network;
use pingora_limits::estimator::Estimator;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Rows and counters in each: 1 MiB a sketch. With 100,000 requests in a second, each of another client, a counter has three
/// on average, and the least of four about one.
const SKETCH: (usize, usize) = (4, 32 * 1024);

/// See the module.
pub(super) struct Rates {
    began: Instant,
    sketches: [Estimator; 2],
    /// The second that was begun last, counted from `began`.
    second: AtomicU64,
    turning: Mutex<()>,
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").field("second", &self.second).finish_non_exhaustive()
    }
}

impl Rates {
    /// Nobody has made any by `now`.
    pub(super) fn beginning(now: Instant) -> Self {
        let sketches = [(); 2].map(|()| Estimator::new(SKETCH.0, SKETCH.1));
        Self { began: now, sketches, second: AtomicU64::new(0), turning: Mutex::default() }
    }

    /// Counts a request of a client that may make `max` in a second.
    pub(super) fn count(&self, client: Network, max: usize, now: Instant) -> Result<(), TooMany> {
        let second = now.saturating_duration_since(self.began).as_secs();
        let sketch = &self.sketches[usize::from(second % 2 == 1)];
        if self.second.load(Ordering::Acquire) < second {
            let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
            if self.second.load(Ordering::Acquire) < second {
                sketch.reset();
                self.second.store(second, Ordering::Release);
            }
        }
        let is_within = |count: isize| usize::try_from(count).is_ok_and(|count| count <= max);
        if !is_within(sketch.get(client).saturating_add(1)) {
            return Err(TooMany);
        }
        if is_within(sketch.incr(client, 1)) { Ok(()) } else { Err(TooMany) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    fn client(number: u32) -> Network {
        IpAddr::from(Ipv4Addr::from_bits(number)).into()
    }

    #[test]
    fn a_client_makes_so_many_in_each_second() {
        let began = Instant::now();
        let rates = Rates::beginning(began);
        let made = |client, at| (0..100).filter(|_| rates.count(client, 10, began + at).is_ok()).count();
        for millis in [0, 1000, 2999, 3000, 60_000] {
            let at = Duration::from_millis(millis);
            assert_eq!((made(client(1), at), made(client(1), at), made(client(2), at)), (10, 0, 10), "{millis}");
        }
        assert_eq!(made(client(3), Duration::ZERO), 10, "what comes late counts in a second of its own kind");
    }

    #[test]
    fn a_crowd_of_clients_costs_none_of_them_anything() {
        let now = Instant::now();
        let rates = Rates::beginning(now);
        for _ in 0..100_000 {
            let _ = rates.count(client(u32::MAX), 10, now);
        }
        let refused =
            (0..20_000).flat_map(|number| [number; 3]).filter(|number| rates.count(client(*number), 10, now).is_err());
        assert_eq!(refused.count(), 0);
    }

    #[test]
    fn threads_that_meet_at_the_turn_of_a_second_admit_no_more_than_the_limit() {
        let began = Instant::now();
        let rates = Rates::beginning(began);
        for second in 1..20 {
            let at = began + Duration::from_secs(second);
            let admitted: usize = std::thread::scope(|threads| {
                let count = || (0..50).filter(|_| rates.count(client(1), 10, at).is_ok()).count();
                let all: Vec<_> = (0..4).map(|_| threads.spawn(count)).collect();
                all.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
            });
            assert!(admitted <= 10, "{admitted}");
        }
    }
}
