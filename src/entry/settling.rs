//! Until when an answer is kept that was fetched shortly after a purge, where its origin may have read from a replica that
//! lagged.

use crate::clock::Timestamp;
use crate::scope::Depth;

/// The end of an answer that may be older than a purge before its fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// From then on it counts as covered by that purge.
    pub until: Timestamp,
    /// How deep the purge went.
    pub depth: Depth,
}

impl Settling {
    /// Whether that moment has come.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        now >= self.until
    }

    /// What both ask for: the earlier end, and the deeper purge.
    #[must_use]
    pub(crate) fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Self { until: one.until.min(other.until), depth: one.depth.max(other.depth) })
            }
            (one, other) => one.or(other),
        }
    }
}
