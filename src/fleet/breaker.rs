//! Whether Redis is worth asking on a request's path.
//!
//! Closed, every command is sent. The first that finds Redis away or misses its deadline opens it: from then on commands
//! are refused at once. A background task probes Redis, so that no request pays for a probe, and closes it once Redis
//! answers. One atomic; no lock.

#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How long after it opened Redis is first probed.
pub(crate) const FIRST_PROBE: Duration = Duration::from_millis(100);

/// The longest pause between two probes.
pub(crate) const PROBE_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether commands are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// They are.
    Closed,
    /// They are refused; Redis is probed now and then.
    Open,
}

/// Whether the call that found Redis failing is the first that did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tripped {
    /// It opened the breaker.
    Now,
    /// Another call did.
    Before,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Breaker(AtomicU8);

const CLOSED: u8 = 0;
const OPEN: u8 = 1;

impl Breaker {
    /// Whether commands are sent.
    #[must_use]
    pub(crate) fn state(&self) -> BreakerState {
        if self.0.load(Ordering::Acquire) == CLOSED { BreakerState::Closed } else { BreakerState::Open }
    }

    /// Opens it.
    pub(crate) fn trip(&self) -> Tripped {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::BreakerStaysClosed) {
            return Tripped::Before;
        }
        match self.0.swap(OPEN, Ordering::AcqRel) {
            CLOSED => Tripped::Now,
            _ => Tripped::Before,
        }
    }

    /// Closes it: Redis has answered.
    pub(crate) fn close(&self) {
        self.0.store(CLOSED, Ordering::Release);
    }
}

/// The pause after the one before: doubled, up to [`PROBE_PAUSE_MAX`].
#[must_use]
pub(crate) fn next_pause(pause: Duration) -> Duration {
    (pause * 2).min(PROBE_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_opens_it_and_an_answer_closes_it() {
        let breaker = Breaker::default();
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!((breaker.trip(), breaker.trip()), (Tripped::Now, Tripped::Before));
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.close();
        assert_eq!((breaker.state(), breaker.trip()), (BreakerState::Closed, Tripped::Now));
    }

    #[test]
    fn probes_come_ever_more_slowly_up_to_a_bound() {
        let pauses: Vec<_> =
            std::iter::successors(Some(FIRST_PROBE), |pause| Some(next_pause(*pause))).take(6).collect();
        assert_eq!(pauses.iter().map(Duration::as_millis).collect::<Vec<_>>(), [100, 200, 400, 800, 1000, 1000]);
    }
}
