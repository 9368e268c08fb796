//! How many requests may be tried again: where all of them fail, tries must not multiply what the servers get.

use super::options::RetryOptions;
use super::recent::Recent;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The time that the budget is a share of.
const WINDOW: Duration = Duration::from_secs(10);
/// So many tries are allowed in that time where the share comes to less: a share of few requests is no try at all.
const TRIES_MIN: u32 = 10;

const REQUESTS: usize = 0;
const TRIES: usize = 1;

/// Whether a request may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Granted,
    Spent,
}

/// The budget of one pool. `now` is the time since the pool began. The mutex covers a few additions.
#[derive(Debug)]
pub(super) struct Budget {
    recent: Mutex<Recent<2>>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { recent: Mutex::new(Recent::new(WINDOW)) }
    }

    /// Counts a request.
    pub(super) fn request(&self, now: Duration) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).add(REQUESTS, now);
    }

    /// Takes one try out of the budget, if it holds any by these options.
    pub(super) fn take(&self, now: Duration, options: RetryOptions) -> Turn {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let [requests, tries] = recent.counts(now);
        if f64::from(tries) >= f64::from(TRIES_MIN).max(f64::from(requests) * options.budget) {
            return Turn::Spent;
        }
        recent.add(TRIES, now);
        Turn::Granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_a_share_of_the_latest_requests_or_a_few() {
        let rows = [(0.2, 0, 10), (0.2, 40, 10), (0.2, 100, 20), (0.0, 1000, 10), (1.0, 5, 10)];
        for (share, requests, granted) in rows {
            let (budget, options) = (Budget::new(), RetryOptions { attempts: 2, budget: share });
            let now = Duration::from_secs(100);
            for _ in 0..requests {
                budget.request(now);
            }
            let count = (0..2000).filter(|_| budget.take(now, options) == Turn::Granted).count();
            assert_eq!(count, granted, "{share} of {requests}");
            assert_eq!(budget.take(now + WINDOW, options), Turn::Granted, "what is long ago does not count");
        }
    }
}
