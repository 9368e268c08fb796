//! Consistency that is measured: how often a hit was older than what the origin said, by what audits found.
//!
//! Only counted here. What is compared, and when, is the engine's.

pub(crate) mod interval;

mod age_band;
mod found;
mod tally;

pub(crate) use age_band::AgeBand;
pub(crate) use found::{Found, IgnoredPurge, Seen};
pub(crate) use tally::{Compared, Tally};

use crate::metric::{Measured, Metric, Samples};
use crate::scope::RouteName;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many of those that were found are kept, the last ones.
const FOUND_MAX: usize = 100;

const AUDITS: Metric = Metric::counter(
    "larder_audit_total",
    &["route", "result"],
    "Answers from the cache that were compared with the origin's, by what came of it: `same`, `stale`, `purged-since` (a purge came after the hit), `unstable` (the origin never answers alike), `failed`, `late` and `busy` (not compared).",
);

/// The metric of audits.
pub(crate) const METRICS: &[&Metric] = &[&AUDITS];

/// When an answer was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Occasion {
    /// It was a hit.
    Hit,
    /// It was fetched after a purge of its key.
    AfterPurge,
}

impl Occasion {
    /// Its name in JSON.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::AfterPurge => "after-purge",
        }
    }
}

/// What came of comparing an answer with the origin's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The origin answers the same.
    Same,
    /// The origin answers otherwise, twice alike, and no purge has come since it was served.
    Stale,
    /// The origin answers otherwise, and a purge that covers it has come since: whether it was old by then is not known.
    PurgedSince,
    /// The origin's two answers differ from one another.
    Unstable,
    /// The origin gave no answer to compare with.
    Failed,
    /// It waited too long to be compared.
    Late,
    /// Clients needed what it takes to compare.
    Busy,
}

impl Verdict {
    /// Every verdict.
    pub(crate) const ALL: [Self; 7] =
        [Self::Same, Self::Stale, Self::PurgedSince, Self::Unstable, Self::Failed, Self::Late, Self::Busy];

    /// The stable label in metrics and JSON.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Stale => "stale",
            Self::PurgedSince => "purged-since",
            Self::Unstable => "unstable",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Busy => "busy",
        }
    }
}

/// What audits have found since the start.
#[derive(Debug, Default)]
pub(crate) struct Consistency(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    by_route: BTreeMap<RouteName, Tally>,
    found: VecDeque<Arc<Found>>,
}

impl Consistency {
    /// Counts one.
    pub(crate) fn count(&self, route: &RouteName, occasion: Occasion, age: AgeBand, verdict: Verdict) {
        self.counted().by_route.entry(route.clone()).or_default().count(occasion, age, verdict);
    }

    /// Keeps one that was older than the origin's.
    pub(crate) fn keep(&self, found: Found) {
        let mut counted = self.counted();
        if counted.found.len() >= FOUND_MAX {
            counted.found.pop_front();
        }
        counted.found.push_back(Arc::new(found));
    }

    /// The counts by route.
    pub(crate) fn by_route(&self) -> BTreeMap<RouteName, Tally> {
        self.counted().by_route.clone()
    }

    /// The last that were older than the origin's, newest first.
    pub(crate) fn found(&self) -> Vec<Arc<Found>> {
        self.counted().found.iter().rev().cloned().collect()
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measured for Consistency {
    fn sample(&self, samples: &mut Samples) {
        for (route, tally) in &self.counted().by_route {
            for verdict in Verdict::ALL {
                samples.number(&AUDITS, &[route.as_str(), verdict.label()], tally.verdicts(verdict));
            }
        }
    }
}
