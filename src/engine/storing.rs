//! Whether an answer of the origin was stored: one value for Cache-Status, log, metric and `explain`, from the moment that
//! it is known. That may be after the answer's head was sent.

use super::Engine;
use crate::clock::Timestamp;
use crate::key::PrimaryKey;
use crate::scope::RouteName;
use crate::semantics::reason::Reason;
use crate::store::key_memory::KeyMemory;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long the last refusal of a key is remembered, for `explain`.
const REFUSALS_REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// For how many keys.
const REFUSALS_MAX: usize = 16_384;

/// What came of storing an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It was stored.
    Stored,
    /// It was not, and why.
    Refused(Reason),
}

impl StoreOutcome {
    /// The stable label: `stored`, or that of the reason.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stored => Reason::Stored.label(),
            Self::Refused(why) => why.label(),
        }
    }
}

/// An outcome that may not be known yet.
#[derive(Debug, Clone)]
pub enum Storing {
    /// It is known.
    Known(StoreOutcome),
    /// It will be sent here.
    Open(watch::Receiver<Option<StoreOutcome>>),
}

impl Storing {
    /// The outcome, if it is known by now.
    #[must_use]
    pub fn known(&self) -> Option<StoreOutcome> {
        match self {
            Self::Known(outcome) => Some(*outcome),
            Self::Open(receiver) => *receiver.borrow(),
        }
    }

    /// Waits for the outcome.
    pub async fn settled(self) -> StoreOutcome {
        match self {
            Self::Known(outcome) => outcome,
            // A fetch that ends without telling has panicked, or ends with the process.
            Self::Open(mut receiver) => match receiver.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.unwrap_or(StoreOutcome::Refused(Reason::LeaderGone)),
                Err(_) => StoreOutcome::Refused(Reason::LeaderGone),
            },
        }
    }
}

/// Why an answer for a key was not stored, and when that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) why: Reason,
    pub(super) at: Timestamp,
}

/// What came of storing answers so far. The table of counts is locked for one addition a fetch.
pub(super) struct StoreOutcomes {
    counts: Mutex<BTreeMap<(RouteName, &'static str), u64>>,
    refusals: KeyMemory<Refusal>,
}

impl Default for StoreOutcomes {
    fn default() -> Self {
        Self { counts: Mutex::default(), refusals: KeyMemory::new(REFUSALS_MAX, REFUSALS_REMEMBERED_FOR) }
    }
}

impl Engine {
    /// Notes what came of storing an answer for a key.
    pub(super) fn note_store_outcome(&self, route: &RouteName, key: &PrimaryKey, outcome: StoreOutcome) {
        self.count_store_outcome(route, outcome);
        match outcome {
            StoreOutcome::Stored => self.store_outcomes.refusals.forget(key),
            StoreOutcome::Refused(why) => {
                let now = self.now();
                self.store_outcomes.refusals.remember(key, Refusal { why, at: now }, now);
            }
        }
    }

    /// Counts it, and remembers nothing of the key.
    pub(super) fn count_store_outcome(&self, route: &RouteName, outcome: StoreOutcome) {
        let mut counts = self.store_outcomes.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((route.clone(), outcome.label())).or_default() += 1;
    }

    /// Why the last answer for a key was not stored, if that was lately.
    pub(super) fn last_refusal(&self, key: &PrimaryKey) -> Option<Refusal> {
        self.store_outcomes.refusals.recall(key, self.now())
    }

    /// How many answers to fetches came to which outcome since the start, by route and label.
    #[must_use]
    pub fn store_outcome_counts(&self) -> Vec<(RouteName, &'static str, u64)> {
        let counts = self.store_outcomes.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((route, label), count)| (route.clone(), *label, *count)).collect()
    }
}
