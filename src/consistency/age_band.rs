//! How old an answer was when it was served, roughly.

use std::time::Duration;

/// One band of ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AgeBand(usize);

/// What each band but the last ends before, in seconds.
const ENDS_SECS: [u64; 5] = [1, 10, 60, 600, 3_600];

impl AgeBand {
    /// How many there are.
    pub(crate) const COUNT: usize = ENDS_SECS.len() + 1;

    /// The band of an age.
    pub(crate) fn of(age: Duration) -> Self {
        Self(ENDS_SECS.partition_point(|end_secs| age >= Duration::from_secs(*end_secs)))
    }

    /// All of them, youngest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Its place among all.
    pub(super) const fn index(self) -> usize {
        self.0
    }

    /// In seconds, from this age on.
    pub(crate) fn begins_at_secs(self) -> u64 {
        self.0.checked_sub(1).map_or(0, |before| ENDS_SECS[before])
    }

    /// In seconds, before this age; `None` for the last.
    pub(crate) fn ends_before_secs(self) -> Option<u64> {
        ENDS_SECS.get(self.0).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_age_has_one_band() {
        for (age_ms, from, to) in [
            (0, 0, Some(1)),
            (999, 0, Some(1)),
            (1_000, 1, Some(10)),
            (59_999, 10, Some(60)),
            (60_000, 60, Some(600)),
            (3_599_999, 600, Some(3_600)),
            (3_600_000, 3_600, None),
            (u64::MAX, 3_600, None),
        ] {
            let band = AgeBand::of(Duration::from_millis(age_ms));
            assert_eq!((band.begins_at_secs(), band.ends_before_secs()), (from, to), "{age_ms} ms");
        }
        assert_eq!(AgeBand::all().count(), AgeBand::COUNT);
    }
}
