//! Requests by route, outcome, status class and reason.
//!
//! Recording costs one look-up of the route in an immutable map and four relaxed additions; a fresh hit one less. A route is added once,
//! when it first answers; route names come from the rules, so there are few.

use crate::engine::outcome::Outcome;
use crate::histogram::{DurationCounts, DurationHistogram};
use crate::metric::{Measured, Metric, Samples};
use crate::proxy::refusal::Refusal;
use crate::scope::RouteName;
use crate::semantics::reason::Reason;
use crate::store::metrics::{LOOKUPS, MEMORY};
use ahash::RandomState;
use arc_swap::ArcSwap;
use http::StatusCode;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const REQUESTS: Metric =
    Metric::counter("larder_requests_total", &["route", "outcome", "status_class"], "Requests answered.");
const REQUEST_REASONS: Metric = Metric::counter(
    "larder_request_reasons_total",
    &["route", "outcome", "reason"],
    "Requests answered, by the reason that Cache-Status and the log give.",
);
const REQUEST_DURATION: Metric = Metric::histogram(
    "larder_request_duration_seconds",
    &["route", "outcome"],
    "Time from a request's head to the end of its answer.",
);
const COALESCED: Metric =
    Metric::counter("larder_coalesced_total", &["route"], "Requests that shared another request's fetch.");

/// The metrics of requests.
pub(crate) const METRICS: &[&Metric] = &[&REQUESTS, &REQUEST_REASONS, &REQUEST_DURATION, &COALESCED];

/// The `status_class` labels. A status above 599 is no HTTP and counts with the fifth class.
pub(crate) const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The `route` label of requests that match no route.
pub(crate) const NO_ROUTE: &str = "-";

/// Why a request was answered as it was, or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The engine's reason.
    Decided(Reason),
    /// The request never reached the engine.
    Refused(Refusal),
}

/// The reason that is not counted, since nearly all hits have it: what is left of an outcome's requests has this one.
const USUAL: Reason = Reason::Fresh;

/// One route's numbers for one outcome.
#[derive(Debug)]
struct Cell {
    classes: [AtomicU64; STATUS_CLASSES.len()],
    reasons: [AtomicU64; Reason::ALL.len()],
    durations: DurationHistogram,
}

impl Default for Cell {
    fn default() -> Self {
        let reasons = std::array::from_fn(|_| AtomicU64::new(0));
        Self { classes: Default::default(), reasons, durations: DurationHistogram::default() }
    }
}

/// One route's numbers, an outcome each.
#[derive(Debug, Default)]
struct Cells([Cell; Outcome::ALL.len()]);

/// What was counted for one route and outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCounts {
    /// The route's name or [`NO_ROUTE`].
    pub route: String,
    /// The outcome.
    pub outcome: Outcome,
    /// How many answers had each of [`STATUS_CLASSES`].
    pub classes: [u64; STATUS_CLASSES.len()],
    /// How many had which reason; reasons that none had are left out.
    pub reasons: Vec<(&'static str, u64)>,
    /// How long they took.
    pub durations: DurationCounts,
}

impl RequestCounts {
    /// How many requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// All routes' numbers.
#[derive(Debug)]
pub(super) struct Requests {
    unrouted: Cells,
    refused: [AtomicU64; Refusal::ALL.len()],
    routes: ArcSwap<HashMap<RouteName, Arc<Cells>, RandomState>>,
}

impl Default for Requests {
    fn default() -> Self {
        let refused = std::array::from_fn(|_| AtomicU64::new(0));
        Self { unrouted: Cells::default(), refused, routes: ArcSwap::default() }
    }
}

impl Requests {
    pub(super) fn record(
        &self,
        route: Option<&RouteName>,
        outcome: Outcome,
        why: Why,
        status: StatusCode,
        duration: Duration,
    ) {
        if let Why::Refused(refusal) = why {
            self.refused[refusal as usize].fetch_add(1, Ordering::Relaxed);
        }
        let Some(route) = route else { return self.unrouted.record(outcome, why, status, duration) };
        if let Some(cells) = self.routes.load().get(route) {
            return cells.record(outcome, why, status, duration);
        }
        self.add_route(route);
        if let Some(cells) = self.routes.load().get(route) {
            cells.record(outcome, why, status, duration);
        }
    }

    /// What was counted, by route name, without the pairs that never happened.
    pub(super) fn read(&self) -> Vec<RequestCounts> {
        let routes = self.routes.load();
        let mut named: Vec<(&str, &Cells)> = routes.iter().map(|(name, cells)| (name.as_str(), &**cells)).collect();
        named.push((NO_ROUTE, &self.unrouted));
        named.sort_unstable_by_key(|(name, _)| *name);
        let counts = named.into_iter().flat_map(|(name, cells)| {
            let refused = if name == NO_ROUTE { self.refused() } else { Vec::new() };
            Outcome::ALL.map(|outcome| {
                let refused = if outcome == Outcome::Error { refused.as_slice() } else { &[] };
                cells.read(name, outcome, refused)
            })
        });
        counts.filter(|counts| counts.total() > 0).collect()
    }

    fn refused(&self) -> Vec<(&'static str, u64)> {
        let counts = Refusal::ALL.iter().zip(&self.refused);
        let counts = counts.map(|(refusal, count)| (refusal.label(), count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn add_route(&self, route: &RouteName) {
        let cells = Arc::new(Cells::default());
        self.routes.rcu(|routes| {
            let mut routes = HashMap::clone(routes);
            routes.entry(route.clone()).or_insert_with(|| Arc::clone(&cells));
            routes
        });
    }
}

impl Measured for Requests {
    fn sample(&self, samples: &mut Samples) {
        let requests = self.read();
        for RequestCounts { route, outcome, classes, reasons, durations } in &requests {
            let labels = [route.as_str(), outcome.label()];
            let classes = STATUS_CLASSES.into_iter().zip(*classes).filter(|(_, count)| *count > 0);
            samples.numbers(&REQUESTS, &labels, classes);
            samples.numbers(&REQUEST_REASONS, &labels, reasons.iter().copied());
            samples.durations(&REQUEST_DURATION, &labels, *durations);
        }
        for counts in requests.iter().filter(|counts| counts.outcome == Outcome::Collapsed) {
            samples.number(&COALESCED, &[&counts.route], counts.total());
        }
        sample_lookups(&requests, samples);
    }
}

/// A cacheable request looks once into the memory tier, and its outcome says what it found, but for a hit that the
/// shared tier answered; that one counts its look-ups itself.
fn sample_lookups(requests: &[RequestCounts], samples: &mut Samples) {
    let (mut hit, mut stale, mut miss) = (0, 0, 0);
    for counts in requests {
        let shared = counts.reasons.iter().find(|(reason, _)| *reason == Reason::SharedTier.label());
        let shared = shared.map_or(0, |(_, count)| *count);
        match counts.outcome {
            Outcome::Hit => {
                hit += counts.total().saturating_sub(shared);
                miss += shared;
            }
            Outcome::Stale | Outcome::Revalidated => stale += counts.total(),
            Outcome::Miss | Outcome::Collapsed => miss += counts.total(),
            Outcome::Bypass | Outcome::Pass | Outcome::Redirect | Outcome::Error => {}
        }
    }
    samples.numbers(&LOOKUPS, &[MEMORY], [("hit", hit), ("stale", stale), ("miss", miss)]);
}

impl Cells {
    fn record(&self, outcome: Outcome, why: Why, status: StatusCode, duration: Duration) {
        let cell = &self.0[column(outcome)];
        let class = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        cell.classes[class].fetch_add(1, Ordering::Relaxed);
        if let Why::Decided(reason) = why
            && reason != USUAL
        {
            cell.reasons[reason as usize].fetch_add(1, Ordering::Relaxed);
        }
        cell.durations.record(duration);
    }

    /// `refused` is what was counted of this outcome elsewhere.
    fn read(&self, route: &str, outcome: Outcome, refused: &[(&'static str, u64)]) -> RequestCounts {
        let cell = &self.0[column(outcome)];
        // The reasons first, so that what is left is never less than none.
        let counted = Reason::ALL.iter().zip(&cell.reasons);
        let counted = counted.map(|(reason, count)| (reason.label(), count.load(Ordering::Relaxed)));
        let mut reasons: Vec<_> = counted.filter(|(_, count)| *count > 0).chain(refused.iter().copied()).collect();
        let classes = std::array::from_fn(|n| cell.classes[n].load(Ordering::Relaxed));
        let with_reason: u64 = reasons.iter().map(|(_, count)| count).sum();
        let usual = classes.iter().sum::<u64>().saturating_sub(with_reason);
        if usual > 0 {
            reasons.push((USUAL.label(), usual));
        }
        RequestCounts { route: route.to_owned(), outcome, classes, reasons, durations: cell.durations.read() }
    }
}

/// The place in [`Outcome::ALL`].
const fn column(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Hit => 0,
        Outcome::Stale => 1,
        Outcome::Revalidated => 2,
        Outcome::Miss => 3,
        Outcome::Collapsed => 4,
        Outcome::Bypass => 5,
        Outcome::Pass => 6,
        Outcome::Redirect => 7,
        Outcome::Error => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_the_column_of_its_place() {
        assert_eq!(Outcome::ALL.map(column), std::array::from_fn(|n| n));
    }

    #[test]
    fn a_request_counts_once_under_its_route_outcome_and_class() {
        let rows = [
            (Some("product"), Outcome::Hit, 200, [0, 1, 0, 0, 0]),
            (Some("product"), Outcome::Error, 502, [0, 0, 0, 0, 1]),
            (None, Outcome::Pass, 101, [1, 0, 0, 0, 0]),
            (None, Outcome::Pass, 999, [0, 0, 0, 0, 1]),
        ];
        for (route, outcome, status, classes) in rows {
            let requests = Requests::default();
            let name = route.map(RouteName::new);
            let why = Why::Decided(Reason::Expired);
            requests.record(
                name.as_ref(),
                outcome,
                why,
                StatusCode::from_u16(status).unwrap(),
                Duration::from_micros(70),
            );
            let counted = requests.read();
            assert_eq!(counted.len(), 1, "{outcome:?}");
            assert_eq!(counted[0].route, route.unwrap_or(NO_ROUTE));
            assert_eq!((counted[0].outcome, counted[0].classes), (outcome, classes));
            assert_eq!(counted[0].reasons, [("expired", 1)]);
            assert_eq!(counted[0].durations.count(), 1);
        }
    }

    #[test]
    fn every_request_has_one_reason() {
        let requests = Requests::default();
        let refused = Why::Refused(Refusal::HostMissing);
        for (outcome, why) in [
            (Outcome::Hit, Why::Decided(USUAL)),
            (Outcome::Hit, Why::Decided(USUAL)),
            (Outcome::Hit, Why::Decided(Reason::SharedTier)),
            (Outcome::Error, refused),
        ] {
            requests.record(None, outcome, why, StatusCode::OK, Duration::ZERO);
        }
        let reasons: Vec<_> = requests.read().into_iter().map(|counts| (counts.outcome, counts.reasons)).collect();
        let hits = vec![("shared-tier", 1), ("fresh", 2)];
        assert_eq!(reasons, [(Outcome::Hit, hits), (Outcome::Error, vec![("host-missing", 1)])]);
        assert!(Reason::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
        assert!(Refusal::ALL.iter().enumerate().all(|(place, refusal)| *refusal as usize == place));
    }

    #[test]
    fn a_route_first_seen_by_many_threads_at_once_loses_no_request() {
        let requests = Requests::default();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for n in 0..200 {
                        let route = RouteName::new(&format!("route-{}", n % 20));
                        requests.record(
                            Some(&route),
                            Outcome::Hit,
                            Why::Decided(USUAL),
                            StatusCode::OK,
                            Duration::ZERO,
                        );
                    }
                });
            }
        });
        assert_eq!(requests.read().iter().map(RequestCounts::total).collect::<Vec<_>>(), [40; 20]);
    }
}
