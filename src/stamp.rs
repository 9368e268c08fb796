//! A position in the totally ordered invalidation log.

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
