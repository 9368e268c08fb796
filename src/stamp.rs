//! A position in the totally ordered invalidation log.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The place of a purge in the log, and of a fetch between two purges.
///
/// `log` is the entry id of the shared log (for a Redis stream milliseconds and sequence, for the local log 0 and a
/// counter); `local` refines it while the shared log is away. Stamps are compared, never computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    log: (u64, u64),
    local: u64,
}

impl Stamp {
    /// Before every purge.
    pub const ZERO: Self = Self::new((0, 0), 0);

    /// After every purge.
    pub(crate) const LAST: Self = Self::new((u64::MAX, u64::MAX), u64::MAX);

    /// The stamp of log entry `log`, refined by `local`.
    #[must_use]
    pub const fn new(log: (u64, u64), local: u64) -> Self {
        Self { log, local }
    }

    /// The stamp of the `count`th entry of a log that one process keeps for itself.
    #[must_use]
    pub const fn local(count: u64) -> Self {
        Self::new((0, count), 0)
    }

    /// The id of the log entry: milliseconds and sequence.
    #[must_use]
    pub const fn log(self) -> (u64, u64) {
        self.log
    }

    /// Reads what [`fmt::Display`] writes, `1700000000000-3+1`; `None` if it is not that.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (log, local) = text.split_once('+').map_or((text, Some(0)), |(log, local)| (log, local.parse().ok()));
        let (millis, sequence) = log.split_once('-')?;
        Some(Self::new((millis.parse().ok()?, sequence.parse().ok()?), local?))
    }

    /// The place right after this one that is taken while the log is away: below every later log entry.
    #[must_use]
    pub const fn refined(self) -> Self {
        Self::new(self.log, self.local.saturating_add(1))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log.0, self.log.1)?;
        if self.local != 0 {
            write!(f, "+{}", self.local)?;
        }
        Ok(())
    }
}

/// As text.
impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a stamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        for stamp in [Stamp::ZERO, Stamp::new((17, 3), 0), Stamp::new((u64::MAX, 0), u64::MAX)] {
            assert_eq!(Stamp::parse(&stamp.to_string()), Some(stamp));
        }
        for text in ["", "1", "1-", "-1", "1-2+", "1-2+x", "a-b", "1-2-3", "99999999999999999999-0"] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }
}
