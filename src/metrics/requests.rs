//! Requests by route, outcome and status class.
//!
//! Recording costs one look-up of the route in an immutable map and three relaxed additions. A route is added once,
//! when it first answers; route names come from the rules, so there are few.

use crate::engine::outcome::Outcome;
use crate::histogram::{DurationCounts, DurationHistogram};
use crate::scope::RouteName;
use ahash::RandomState;
use arc_swap::ArcSwap;
use http::StatusCode;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The `status_class` labels. A status above 599 is no HTTP and counts with the fifth class.
pub const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The `route` label of requests that match no route.
pub const NO_ROUTE: &str = "-";

/// One route's numbers for one outcome.
#[derive(Debug, Default)]
struct Cell {
    classes: [AtomicU64; STATUS_CLASSES.len()],
    durations: DurationHistogram,
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
#[derive(Debug, Default)]
pub(super) struct Requests {
    unrouted: Cells,
    routes: ArcSwap<HashMap<RouteName, Arc<Cells>, RandomState>>,
}

impl Requests {
    pub(super) fn record(&self, route: Option<&RouteName>, outcome: Outcome, status: StatusCode, duration: Duration) {
        let Some(route) = route else { return self.unrouted.record(outcome, status, duration) };
        if let Some(cells) = self.routes.load().get(route) {
            return cells.record(outcome, status, duration);
        }
        self.add_route(route);
        if let Some(cells) = self.routes.load().get(route) {
            cells.record(outcome, status, duration);
        }
    }

    /// What was counted, by route name, without the pairs that never happened.
    pub(super) fn read(&self) -> Vec<RequestCounts> {
        let routes = self.routes.load();
        let mut named: Vec<(&str, &Cells)> = routes.iter().map(|(name, cells)| (name.as_str(), &**cells)).collect();
        named.push((NO_ROUTE, &self.unrouted));
        named.sort_unstable_by_key(|(name, _)| *name);
        let counts = named.into_iter().flat_map(|(name, cells)| Outcome::ALL.map(|outcome| cells.read(name, outcome)));
        counts.filter(|counts| counts.total() > 0).collect()
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

impl Cells {
    fn record(&self, outcome: Outcome, status: StatusCode, duration: Duration) {
        let cell = &self.0[column(outcome)];
        let class = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        cell.classes[class].fetch_add(1, Ordering::Relaxed);
        cell.durations.record(duration);
    }

    fn read(&self, route: &str, outcome: Outcome) -> RequestCounts {
        let cell = &self.0[column(outcome)];
        RequestCounts {
            route: route.to_owned(),
            outcome,
            classes: std::array::from_fn(|n| cell.classes[n].load(Ordering::Relaxed)),
            durations: cell.durations.read(),
        }
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
        Outcome::Error => 7,
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
            requests.record(name.as_ref(), outcome, StatusCode::from_u16(status).unwrap(), Duration::from_micros(70));
            let counted = requests.read();
            assert_eq!(counted.len(), 1, "{outcome:?}");
            assert_eq!(counted[0].route, route.unwrap_or(NO_ROUTE));
            assert_eq!((counted[0].outcome, counted[0].classes), (outcome, classes));
            assert_eq!(counted[0].durations.count(), 1);
        }
    }

    #[test]
    fn a_route_first_seen_by_many_threads_at_once_loses_no_request() {
        let requests = Requests::default();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for n in 0..200 {
                        let route = RouteName::new(&format!("route-{}", n % 20));
                        requests.record(Some(&route), Outcome::Hit, StatusCode::OK, Duration::ZERO);
                    }
                });
            }
        });
        assert_eq!(requests.read().iter().map(RequestCounts::total).collect::<Vec<_>>(), [40; 20]);
    }
}
