//! A histogram of durations: two relaxed additions to record, read as a whole when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets in microseconds: from a hit out of memory to a search that hangs.
pub(crate) const BOUNDS_MICROS: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000, 30_000_000,
];

/// Counts durations in buckets. Shared; never locks.
#[derive(Debug, Default)]
pub(crate) struct DurationHistogram {
    buckets: [AtomicU64; BOUNDS_MICROS.len() + 1],
    sum_nanos: AtomicU64,
}

/// What a [`DurationHistogram`] held when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DurationCounts {
    /// How many fell into each bucket; the last has no upper bound.
    pub buckets: [u64; BOUNDS_MICROS.len() + 1],
    /// Their sum in nanoseconds.
    pub sum_nanos: u64,
}

impl DurationHistogram {
    /// Counts one duration.
    pub(crate) fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// What it holds now. Records under way may be in the one number and not yet in the other.
    #[must_use]
    pub(crate) fn read(&self) -> DurationCounts {
        DurationCounts {
            buckets: std::array::from_fn(|n| self.buckets[n].load(Ordering::Relaxed)),
            sum_nanos: self.sum_nanos.load(Ordering::Relaxed),
        }
    }
}

impl DurationCounts {
    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their mean; zero where there is none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos.checked_div(self.count()).unwrap_or_default())
    }

    /// The upper bound of the bucket that holds the given share of the durations (`99` of a hundred, say). `None` if
    /// there is no duration, or where it lies beyond the last bound.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = self.count().saturating_mul(percent).div_ceil(100).max(1);
        let mut below = 0;
        for (count, bound) in self.buckets.iter().zip(BOUNDS_MICROS) {
            below += count;
            if below >= rank {
                return Some(Duration::from_micros(bound));
            }
        }
        None
    }

    /// What was counted since it stood like `earlier`.
    #[must_use]
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            buckets: std::array::from_fn(|n| self.buckets[n].saturating_sub(earlier.buckets[n])),
            sum_nanos: self.sum_nanos.saturating_sub(earlier.sum_nanos),
        }
    }

    /// These and others together.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        Self {
            buckets: std::array::from_fn(|n| self.buckets[n].saturating_add(other.buckets[n])),
            sum_nanos: self.sum_nanos.saturating_add(other.sum_nanos),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(micros: &[u64]) -> DurationCounts {
        let histogram = DurationHistogram::default();
        for micros in micros {
            histogram.record(Duration::from_micros(*micros));
        }
        histogram.read()
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let bucket = |duration: Duration| {
            let histogram = DurationHistogram::default();
            histogram.record(duration);
            histogram.read().buckets.iter().position(|count| *count == 1)
        };
        assert_eq!(bucket(Duration::ZERO), Some(0));
        assert_eq!(bucket(Duration::from_micros(50)), Some(0));
        assert_eq!(bucket(Duration::from_nanos(50_001)), Some(1));
        assert_eq!(bucket(Duration::from_secs(30)), Some(16));
        assert_eq!(bucket(Duration::MAX), Some(17));
    }

    #[test]
    fn percentiles_are_upper_bounds() {
        let spread = counts(&[40, 40, 40, 40, 40, 40, 40, 40, 90, 900]);
        assert_eq!(spread.percentile(50), Some(Duration::from_micros(50)));
        assert_eq!(spread.percentile(90), Some(Duration::from_micros(100)));
        assert_eq!(spread.percentile(99), Some(Duration::from_millis(1)));
        assert_eq!(spread.mean(), Duration::from_micros(131));
        assert_eq!(counts(&[]).percentile(50), None);
        assert_eq!(counts(&[u64::MAX / 2_000]).percentile(50), None);
    }

    #[test]
    fn merging_adds_and_since_takes_away() {
        assert_eq!(counts(&[40]).merged(&counts(&[90, 900])), counts(&[40, 90, 900]));
        assert_eq!(counts(&[40, 90, 900]).since(&counts(&[90])), counts(&[40, 900]));
    }
}
