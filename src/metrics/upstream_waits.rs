//! How long requests waited for the upstream, by route.

use super::requests::NO_ROUTE;
use crate::histogram::DurationHistogram;
use crate::metric::{Measured, Metric, Samples};
use crate::scope::RouteName;
use ahash::RandomState;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How long requests of clients waited for the upstream.
pub(crate) const UPSTREAM_WAITS: Metric = Metric::histogram(
    "larder_route_upstream_duration_seconds",
    &["route"],
    "How long requests that asked the upstream waited for it: all tries, up to the head of the answer. Those that waited for another's fetch, and fetches in the background, are not among them.",
);

/// The metrics of waits.
pub(crate) const METRICS: &[&Metric] = &[&UPSTREAM_WAITS];

/// All routes' waits. A route is added once, when it first waits; route names come from the rules, so there are few.
#[derive(Debug, Default)]
pub(super) struct UpstreamWaits {
    unrouted: DurationHistogram,
    routes: ArcSwap<HashMap<RouteName, Arc<DurationHistogram>, RandomState>>,
}

impl UpstreamWaits {
    pub(super) fn record(&self, route: Option<&RouteName>, took: Duration) {
        let Some(route) = route else { return self.unrouted.record(took) };
        if let Some(waits) = self.routes.load().get(route) {
            return waits.record(took);
        }
        let new = Arc::new(DurationHistogram::default());
        self.routes.rcu(|routes| {
            let mut routes = HashMap::clone(routes);
            routes.entry(route.clone()).or_insert_with(|| Arc::clone(&new));
            routes
        });
        if let Some(waits) = self.routes.load().get(route) {
            waits.record(took);
        }
    }
}

impl Measured for UpstreamWaits {
    fn sample(&self, samples: &mut Samples) {
        let routes = self.routes.load();
        let mut waits: Vec<_> = routes.iter().map(|(name, waits)| (name.as_str(), waits.read())).collect();
        waits.push((NO_ROUTE, self.unrouted.read()));
        waits.sort_unstable_by_key(|(name, _)| *name);
        for (route, waits) in waits.into_iter().filter(|(_, waits)| waits.count() > 0) {
            samples.durations(&UPSTREAM_WAITS, &[route], waits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_count_by_route() {
        let waits = UpstreamWaits::default();
        for (route, millis) in [(Some("search"), 2300), (Some("search"), 2300), (Some("product"), 4), (None, 1)] {
            waits.record(route.map(RouteName::new).as_ref(), Duration::from_millis(millis));
        }
        let mut samples = Samples::default();
        waits.sample(&mut samples);
        let counts: Vec<_> = samples
            .into_vec()
            .into_iter()
            .map(|sample| match sample.value {
                crate::metric::Value::Durations(counts) => (sample.labels[0].clone(), counts.count()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(counts, [("-".to_owned(), 1), ("product".to_owned(), 1), ("search".to_owned(), 2)]);
    }
}
