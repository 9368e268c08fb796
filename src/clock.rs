//! The only reader of clocks. Every decision elsewhere takes `now` as a [`Timestamp`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant in whole milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch; saturates.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// As the standard library has it, for what wants that.
    #[must_use]
    pub(crate) fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }

    /// As RFC 3339 writes it, in milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        // The years that the format can write; a clock beyond them is broken and shown as the last.
        let last_millis = 253_402_300_799_000;
        let since_epoch = Duration::from_millis(self.0.min(last_millis));
        humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch).to_string()
    }

    /// As RFC 3339 writes it, with `Z` or an offset; `None` if it is written otherwise, or before the Unix epoch.
    #[must_use]
    pub(crate) fn parse_rfc3339(text: &str) -> Option<Self> {
        let utc = |text: &str| {
            let since_epoch = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some(Self::EPOCH.saturating_add(since_epoch))
        };
        if text.ends_with('Z') {
            return utc(text);
        }
        let at = text.len().checked_sub("+00:00".len())?;
        let (local, offset) = text.split_at_checked(at)?;
        utc(&format!("{local}Z"))?.at_offset(&offset.replace(':', ""))
    }

    /// The instant that is this one where clocks are so far ahead of UTC: `+HHMM` or `-HHMM`.
    #[must_use]
    pub(crate) fn at_offset(self, offset: &str) -> Option<Self> {
        let (sign, digits) = offset.split_at_checked(1)?;
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes) = (digits[..2].parse::<u64>().ok()?, digits[2..].parse::<u64>().ok()?);
        let offset = Duration::from_secs(hours * 3600 + minutes * 60);
        match sign {
            "+" => Some(self.saturating_sub(offset)),
            "-" => Some(self.saturating_add(offset)),
            _ => None,
        }
    }

    /// The instant `duration` later; saturates.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The instant `duration` earlier, at the earliest the epoch.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time since `earlier`, zero where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Tells the time. One per process, or one per simulated instance.
pub trait Clock: Send + Sync + 'static {
    /// The present, never earlier than what an earlier call returned.
    fn now(&self) -> Timestamp;

    /// The time since some fixed moment, by a clock that nobody sets and that goes on while the machine is suspended:
    /// for what must not be trusted longer than a while.
    fn monotonic(&self) -> Duration;
}

/// The machine's real-time clock, held back from running backwards: a step back by time synchronisation stands still
/// until real time has caught up, so that no age ever shrinks.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest_millis: AtomicU64,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let read = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(read.as_millis()).unwrap_or(u64::MAX);
        let latest = self.latest_millis.load(Ordering::Relaxed);
        if millis <= latest {
            return Timestamp(latest);
        }
        Timestamp(self.latest_millis.fetch_max(millis, Ordering::Relaxed).max(millis))
    }

    fn monotonic(&self) -> Duration {
        let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(read.tv_sec).unwrap_or(0), u32::try_from(read.tv_nsec).unwrap_or(0))
    }
}

/// A clock that moves only when told to, for tests and simulation.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self { millis: AtomicU64::new(start.0) }
    }

    /// Moves the clock forward by `duration`.
    pub fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.millis.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(Timestamp::from_millis(1_234).to_rfc3339(), "1970-01-01T00:00:01.234Z");
        assert_eq!(Timestamp::from_millis(u64::MAX).to_rfc3339(), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn the_system_clock_never_runs_backwards() {
        let clock = SystemClock { latest_millis: AtomicU64::new(u64::MAX - 1) };
        assert_eq!(clock.now(), Timestamp(u64::MAX - 1));
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(u64::MAX).saturating_add(Duration::MAX), Timestamp(u64::MAX));
        assert_eq!(Timestamp(3).saturating_sub(Duration::MAX), Timestamp::EPOCH);
    }
}
