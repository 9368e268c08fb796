//! What a replay comes to, as it is shown.

use super::figures::Figures;
use crate::clock::Timestamp;
use serde::Serialize;

/// Two sets of rules side by side.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// From the first request to the last.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// The digest of the rules in force.
    pub(crate) present: String,
    /// That of those that are tried.
    pub(crate) proposed: Option<String>,
    /// All routes together.
    pub(crate) all: RouteReport,
    /// Those that had requests, in the order of the rules; requests of no route come last.
    pub(crate) routes: Vec<RouteReport>,
}

/// One route. A set of rules that does not have it says nothing of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RouteReport {
    /// Its name; `None` for requests that no route matches, and for the sum.
    pub(crate) route: Option<String>,
    /// By the rules in force.
    pub(crate) present: Option<Shown>,
    /// By those that are tried.
    pub(crate) proposed: Option<Shown>,
    /// What really happened, where the log says.
    pub(crate) measured: Option<Shown>,
}

/// The numbers of one route by one set of rules.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    pub(crate) requests: u64,
    /// Which share was answered from the cache without waiting for the origin, fresh or stale.
    pub(crate) hit_ratio: Option<f64>,
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) collapsed: u64,
    pub(crate) misses: u64,
    pub(crate) passed: u64,
    pub(crate) upstream_requests: u64,
    /// `None` where nobody tells how long the origin takes.
    pub(crate) upstream_seconds: Option<f64>,
    pub(crate) bytes: u64,
    pub(crate) upstream_bytes: u64,
    /// `None` of what really happened, since no log tells it.
    pub(crate) memory_peak_bytes: Option<u64>,
}

impl Shown {
    #[expect(clippy::cast_precision_loss, reason = "a share, shown with few digits")]
    pub(super) fn of(figures: &Figures) -> Self {
        let served = figures.hits + figures.stale;
        let is_timed = figures.upstream_timed > 0 || figures.upstream_requests == 0;
        // What is not timed is taken to be as the others are.
        let factor = figures.upstream_requests as f64 / figures.upstream_timed.max(1) as f64;
        Self {
            requests: figures.requests,
            hit_ratio: (figures.requests > 0).then(|| served as f64 / figures.requests as f64),
            hits: figures.hits,
            stale: figures.stale,
            collapsed: figures.collapsed,
            misses: figures.misses,
            passed: figures.passed,
            upstream_requests: figures.upstream_requests,
            upstream_seconds: is_timed.then_some(figures.upstream.as_secs_f64() * factor),
            bytes: figures.bytes,
            upstream_bytes: figures.upstream_bytes,
            memory_peak_bytes: Some(figures.memory_peak_bytes),
        }
    }

    /// Of what really happened.
    pub(super) fn of_measured(figures: &Figures) -> Self {
        Self { memory_peak_bytes: None, ..Self::of(figures) }
    }
}

impl RouteReport {
    /// Whether any request was for it.
    pub(super) fn is_of_any_request(&self) -> bool {
        [&self.present, &self.proposed].into_iter().flatten().any(|shown| shown.requests > 0)
    }
}

/// What is not known of live traffic either.
pub(crate) const LIVE_UNKNOWN: &[&str] = &[
    "The caches of both sets of rules were empty when this began; they hold up to 50,000 responses each, and the row `measured` is \
     what really happened.",
    FIELDS_OF_REQUESTS,
    "Fields of answers are not known: the lifetime is the route's, and where only the origin gives one nothing is stored. \
     What the rules in force could not store (no-store, private, Set-Cookie) is not stored here either.",
    BODIES,
    "Purges are known where they took what a request asked for, and from unsafe requests that succeeded.",
    ORIGIN,
];

const FIELDS_OF_REQUESTS: &str =
    "Fields of requests are not known: cookies, Authorization, Vary and the client's directives change nothing here.";

const BODIES: &str = "Bodies are not known: the size is that of what was sent, compressed or not, a change shows only as a \
     purge, and requests that a route keys by their bodies count as passed through.";

const ORIGIN: &str = "The origin is taken to be as fast as it was, however much it is asked, and never to fail in another way \
     than it did.";

/// What no log tells, and so no replay knows.
pub(crate) const UNKNOWN: &[&str] = &[
    "The cache is empty when a replay begins, and never full: compare the memory that was needed with memory.size.",
    FIELDS_OF_REQUESTS,
    "Fields of answers are not known: the lifetime is the route's, and where only the origin gives one nothing is stored. \
     What may not be stored (no-store, private, Set-Cookie) is known only where Larder's own log says so.",
    BODIES,
    "Purges are known where Larder's own log says that one took what was asked for, and from unsafe requests that succeeded; \
     refreshes by Larder itself after a purge are not.",
    ORIGIN,
];
