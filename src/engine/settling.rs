//! `settle`: what was fetched shortly after a purge may come from a replica that had not caught up, so it is not kept past
//! the time that replicas are given.

use super::Engine;
use super::draft::Draft;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::settling::Settling;
use crate::invalidation::Standing;
use crate::scope::Depth;

impl Engine {
    /// Notes on a draft until when it is kept, by what it is filed under by now.
    pub(super) fn settle(&self, draft: &mut Draft) {
        if let Some(settle) = draft.route.settle {
            let settling = self.invalidation().settling(&draft.membership(), draft.requested_at, settle);
            draft.settling = Settling::both(draft.settling, settling);
        }
    }

    /// How an entry stands that purges leave in this standing, now that its time may be over.
    pub(super) fn once_settled(&self, entry: &Entry, standing: Standing) -> Standing {
        let over = entry.settling().filter(|settling| settling.is_over(self.now()));
        standing.max(over.map_or(Standing::Clear, Settling::standing))
    }
}

impl Settling {
    /// How what it is about stands once it is over.
    const fn standing(self) -> Standing {
        match self.depth {
            Depth::Hard => Standing::Purged,
            Depth::Soft => Standing::SoftPurged,
        }
    }
}

impl Draft {
    /// Whether it would be kept no longer.
    pub(super) fn is_settled_out(&self, now: Timestamp) -> bool {
        self.settling.is_some_and(|settling| settling.is_over(now))
    }
}

#[cfg(test)]
#[path = "settling_tests.rs"]
mod tests;
