//! Purges as an ordered log, and what they make of stored responses.
//!
//! A purge is appended to one totally ordered [`log`] and gets a stamp. Applying it raises [`barriers`] for its
//! scopes. A stored response carries the stamp that was applied when its fetch began, and is usable only while no
//! barrier of its scopes is above that. No wall clock takes part.

pub mod barriers;
pub mod local_log;
pub mod log;
pub mod purge;
pub mod receipts;

use crate::scope::Membership;
use crate::stamp::Stamp;
use log::Log;
use std::sync::Arc;
use std::time::Duration;

/// Whether purges cover a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// None does.
    Clear,
    /// A soft purge does: it is stale.
    SoftPurged,
    /// A hard purge does: it is unusable.
    Purged,
}

/// The purges known to this instance: the one object that engine and admin ask.
#[derive(Debug)]
pub struct Invalidation {}

impl Invalidation {
    /// Purges go to `log`.
    #[must_use]
    pub fn new(log: Arc<dyn Log>) -> Self {
        let _ = log;
        todo!()
    }

    /// The stamp of the last purge applied here: what a fetch that begins now carries.
    #[must_use]
    pub fn applied(&self) -> Stamp {
        todo!()
    }

    /// Grows with each purge applied. Read it *before* [`Self::standing`]: a response found clear stays clear while
    /// the generation is the same.
    #[must_use]
    pub fn generation(&self) -> u64 {
        todo!()
    }

    /// What the purges applied so far make of a response whose fetch began at `stamp`.
    #[must_use]
    pub fn standing(&self, stamp: Stamp, membership: &Membership<'_>) -> Standing {
        todo!("{stamp} {membership:?}")
    }

    /// Appends a purge to the log and applies it here. Once this returns, no response whose fetch began before it is
    /// served as a fresh hit by this instance.
    ///
    /// # Errors
    /// Where the log can't take it. This instance applies it all the same.
    pub async fn purge(&self, purge: purge::Purge, wait: Option<Duration>) -> Result<receipts::Receipt, log::LogError> {
        todo!("{purge:?} {wait:?}")
    }
}
