//! How long after a purge was appended to the fleet's log this instance applied it: for operators, and for nothing else.
//!
//! An entry's id shows when it was appended, by Redis's clock. What that clock shows at any moment is computed from
//! what it showed when Redis was last asked, about once a second, and from how much time has passed here since, by the
//! clock that nobody sets; the instance's own time of day takes no part. It counts as having shown it just before it
//! was asked, so that a lag is never reported too short, and too long by no more than the question took to get there
//! (and a millisecond, the resolution of ids).
//!
//! Left out is what such an instance knows nothing of: entries from before it was there, and entries that stand ahead of
//! Redis's clock, because that was set back or another Redis has taken over.

use std::time::Duration;

/// Tells how old entries are when they are applied.
#[derive(Debug)]
pub(super) struct LagMeter {
    /// Since when this instance reads the log, by the monotonic clock.
    began: Duration,
    clock: Option<RedisClock>,
}

/// What Redis's clock showed, since the Unix epoch, and when it was asked, by the monotonic clock here.
#[derive(Debug)]
struct RedisClock {
    shown: Duration,
    asked_at: Duration,
}

impl LagMeter {
    /// For an instance that reads the log from `began` on.
    pub(super) const fn new(began: Duration) -> Self {
        Self { began, clock: None }
    }

    /// Redis was asked at `asked_at` and said what its clock showed, or nothing.
    pub(super) fn observe(&mut self, shown: Option<Duration>, asked_at: Duration) {
        self.clock = shown.map(|shown| RedisClock { shown, asked_at });
    }

    /// The lag of an entry that was appended at `appended`, by Redis's clock, and applied at `applied_at`; `None` if it
    /// can't be told.
    pub(super) fn lag(&self, appended: Duration, applied_at: Duration) -> Option<Duration> {
        let RedisClock { shown, asked_at } = self.clock.as_ref()?;
        let shows = *shown + applied_at.checked_sub(*asked_at)?;
        shows.checked_sub(appended).filter(|lag| *lag <= applied_at.saturating_sub(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_lag_is_what_redis_own_clock_would_show() {
        let mut meter = LagMeter::new(secs(100));
        assert_eq!(meter.lag(secs(1_000), secs(110)), None, "nobody knows what Redis's clock shows");
        // Asked at 109, Redis showed 1009; so it shows 1011 at 111.
        meter.observe(Some(secs(1_009)), secs(109));
        assert_eq!(meter.lag(secs(1_008), secs(111)), Some(secs(3)));
        assert_eq!(meter.lag(secs(1_011), secs(111)), Some(secs(0)));
        // It was set back to 500 since.
        meter.observe(Some(secs(500)), secs(112));
        assert_eq!(meter.lag(secs(500), secs(113)), Some(secs(1)));
        meter.observe(None, secs(114));
        assert_eq!(meter.lag(secs(500), secs(115)), None, "it no longer tells");
    }

    #[test]
    fn what_cannot_be_known_is_no_lag() {
        let mut meter = LagMeter::new(secs(100));
        meter.observe(Some(secs(1_000)), secs(100));
        assert_eq!(meter.lag(secs(999), secs(102)), None, "appended before this instance was there");
        assert_eq!(meter.lag(secs(1_000), secs(102)), Some(secs(2)));
        assert_eq!(meter.lag(secs(1_003), secs(102)), None, "ahead of Redis's clock");
    }
}
