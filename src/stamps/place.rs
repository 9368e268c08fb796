//! A place in a log of purges that says which log that is.
//!
//! Stamps of one log can be compared. Those of two cannot: not of two lone instances, nor of a log that Redis has begun anew,
//! for what one run of Redis has taken another may have lost.

#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::stamp::Stamp;

/// Which log a stamp belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogId(u64);

impl LogId {
    /// Of what one run of Redis keeps for the fleet of a namespace.
    pub(crate) fn of_fleet(namespace: &str, run: &str) -> Self {
        Self::of(&[b"fleet", namespace.as_bytes(), run.as_bytes()])
    }

    /// Of the log that one process keeps for itself.
    pub(crate) fn of_process(run: u32) -> Self {
        Self::of(&[b"process", &run.to_be_bytes()])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_be_bytes(first))
    }

    /// As a number.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// The log of this number.
    pub(crate) const fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which.
    pub(crate) log: LogId,
    /// Where.
    pub(crate) stamp: Stamp,
}

/// What an answer must not be older than.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum NotBefore {
    /// Nothing: the request presents no stamp.
    #[default]
    Anything,
    /// This stamp, which is applied here: whatever was fetched since is new enough.
    Since(Stamp),
    /// A place that this instance has not reached, or cannot compare with what it knows: only the origin's own answer will
    /// do.
    Unreached,
}

impl NotBefore {
    /// Whether what was fetched at `stamp` is new enough.
    pub(crate) fn admits(self, stamp: Stamp) -> bool {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::OlderIsTaken) {
            return self != Self::Unreached;
        }
        match self {
            Self::Anything => true,
            Self::Since(earliest) => stamp >= earliest,
            Self::Unreached => false,
        }
    }

    /// Both: the later counts.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreached, _) | (_, Self::Unreached) => Self::Unreached,
            (Self::Anything, other) | (other, Self::Anything) => other,
            (Self::Since(one), Self::Since(two)) => Self::Since(one.max(two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_apart() {
        let all = [
            LogId::of_fleet("larder", "f00"),
            LogId::of_fleet("larder", "f01"),
            LogId::of_fleet("larderf", "00"),
            LogId::of_process(1),
            LogId::of_process(2),
        ];
        for (nth, log) in all.iter().enumerate() {
            assert!(!all[..nth].contains(log), "{nth}");
            assert_eq!(LogId::numbered(log.number()), *log);
        }
    }

    #[test]
    fn of_several_the_latest_counts_and_what_is_not_reached_above_all() {
        let since = |count| NotBefore::Since(Stamp::local(count));
        for (one, two, expected) in [
            (NotBefore::Anything, NotBefore::Anything, NotBefore::Anything),
            (NotBefore::Anything, since(3), since(3)),
            (since(2), since(3), since(3)),
            (since(3), NotBefore::Unreached, NotBefore::Unreached),
            (NotBefore::Anything, NotBefore::Unreached, NotBefore::Unreached),
        ] {
            assert_eq!(one.and(two), expected);
            assert_eq!(two.and(one), expected);
        }
        for (not_before, expected) in [
            (NotBefore::Anything, true),
            (since(2), true),
            (since(3), true),
            (since(4), false),
            (NotBefore::Unreached, false),
        ] {
            assert_eq!(not_before.admits(Stamp::local(3)), expected, "{not_before:?}");
        }
    }
}
