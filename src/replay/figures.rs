//! What is counted of a route.

use super::Happened;
use crate::plan::outcome::Outcome;
use std::time::Duration;

/// The numbers of one route, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    /// Answered from the cache, fresh.
    pub(crate) hits: u64,
    /// Answered from the cache, stale.
    pub(crate) stale: u64,
    /// Shared the fetch of another.
    pub(crate) collapsed: u64,
    /// Waited for a fetch or a validation of their own.
    pub(crate) misses: u64,
    /// Passed the cache by.
    pub(crate) passed: u64,
    /// What the origin was asked, refreshes in the background included where they are known.
    pub(crate) upstream_requests: u64,
    /// How long it took for those of which that is known.
    pub(crate) upstream: Duration,
    /// For how many that is.
    pub(crate) upstream_timed: u64,
    /// The bytes of bodies that clients were sent.
    pub(crate) bytes: u64,
    /// The bytes of bodies that the origin sent.
    pub(crate) upstream_bytes: u64,
    /// The most that was stored at one time and could still be used, in bytes.
    pub(crate) memory_peak_bytes: u64,
}

impl Figures {
    /// A request that is answered so.
    pub(super) fn count(&mut self, outcome: Outcome, bytes: u64) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        match outcome {
            Outcome::Hit => self.hits += 1,
            Outcome::Stale => self.stale += 1,
            Outcome::Collapsed => self.collapsed += 1,
            Outcome::Revalidated | Outcome::Miss => self.misses += 1,
            Outcome::Bypass | Outcome::Pass | Outcome::Redirect | Outcome::Error => self.passed += 1,
        }
    }

    /// A request to the origin.
    pub(super) fn count_upstream(&mut self, took: Option<Duration>, bytes: u64) {
        self.upstream_requests += 1;
        self.upstream_bytes = self.upstream_bytes.saturating_add(bytes);
        if let Some(took) = took {
            self.upstream = self.upstream.saturating_add(took);
            self.upstream_timed += 1;
        }
    }

    /// What really happened.
    pub(super) fn count_told(&mut self, outcome: Outcome, happened: &Happened) {
        let bytes = happened.body_bytes.unwrap_or_default();
        self.count(outcome, bytes);
        if happened.upstream.is_some() {
            self.count_upstream(happened.upstream, bytes);
        }
    }

    /// How long the origin takes on average, as far as is known.
    pub(super) fn upstream_mean(&self) -> Option<Duration> {
        let timed = u32::try_from(self.upstream_timed).unwrap_or(u32::MAX);
        self.upstream.checked_div(timed)
    }

    /// The sum of both. What is stored at one time is not, since peaks come at different times.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.requests += other.requests;
        self.hits += other.hits;
        self.stale += other.stale;
        self.collapsed += other.collapsed;
        self.misses += other.misses;
        self.passed += other.passed;
        self.upstream_requests += other.upstream_requests;
        self.upstream = self.upstream.saturating_add(other.upstream);
        self.upstream_timed += other.upstream_timed;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.upstream_bytes = self.upstream_bytes.saturating_add(other.upstream_bytes);
        self
    }
}
