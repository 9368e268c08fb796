//! Whether a server is worth asking, judged by the connections that were tried.
//!
//! Up, it takes every request. After [`FAILURES_MAX`] failures in a row it is down for [`PAUSE`]; then one request at a
//! time may try it, each at the earliest a pause after the one before, until one connects.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// So many failed connections in a row take a server down.
pub(super) const FAILURES_MAX: u32 = 2;
/// How long a server that is down is left alone.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// The health of one server. `now` is the time since the pool began.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: AtomicU32,
    /// When it may be tried again, in milliseconds.
    retry_at_ms: AtomicU64,
}

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Connections work, as far as is known.
    Up,
    /// Connections failed a number of times in a row.
    Down,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Health {
    pub(super) fn state(&self) -> ServerState {
        if self.failures.load(Ordering::Relaxed) < FAILURES_MAX { ServerState::Up } else { ServerState::Down }
    }

    /// Whether a request may try the server now. Where it is down and its pause is over, that uses up the one try.
    pub(super) fn admits(&self, now: Duration) -> bool {
        if self.state() == ServerState::Up {
            return true;
        }
        let retry_at = self.retry_at_ms.load(Ordering::Relaxed);
        let next = millis(now.saturating_add(PAUSE));
        millis(now) >= retry_at
            && self.retry_at_ms.compare_exchange(retry_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn succeeded(&self) {
        // Most of the time it is 0 already: reading first keeps the cache line shared.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, now: Duration) {
        self.retry_at_ms.store(millis(now.saturating_add(PAUSE)), Ordering::Relaxed);
        let _ = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_down_after_failures_in_a_row_and_then_tried_by_one_request_at_a_time() {
        let health = Health::default();
        let at = Duration::from_secs;
        health.failed(at(0));
        assert!(health.admits(at(0)), "one failure is no pattern");
        health.succeeded();
        health.failed(at(1));
        assert_eq!(health.state(), ServerState::Up, "not in a row");
        health.failed(at(2));
        assert_eq!((health.state(), health.admits(at(2)), health.admits(at(6))), (ServerState::Down, false, false));
        assert!(health.admits(at(7)), "the pause is over");
        assert!(!health.admits(at(7)), "another request is trying");
        health.failed(at(7));
        assert!(!health.admits(at(11)));
        assert!(health.admits(at(12)));
        health.succeeded();
        assert!(health.admits(at(12)) && health.admits(at(12)));
    }
}
