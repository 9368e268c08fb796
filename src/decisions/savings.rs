//! What the cache is worth: the time that the origin would have taken for what it was not asked.

use super::standing::{Asked, Item};
use super::view::View;
use crate::engine::outcome::Outcome;
use crate::metric::{Metric, Samples};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The metric of it.
pub(super) const SAVED: Metric = Metric::counter(
    "larder_origin_seconds_saved_total",
    &["route"],
    "Estimate of the seconds that the origin would have taken for what hits and shared fetches answered: for each the mean of its key, or of its route.",
);

/// The savings by route.
#[derive(Default)]
pub(super) struct Savings(BTreeMap<Arc<str>, OfRoute>);

#[derive(Default)]
struct OfRoute {
    asked: Asked,
    saved_micros: u64,
    /// Answers that spared the origin something before it was known what.
    unpriced: u64,
}

impl Savings {
    /// Counts a decision that stands for `weight` of them: the microseconds that they have saved.
    pub(super) fn count(&mut self, route: Option<&Arc<str>>, key: Option<&Item>, view: View<'_>, weight: u64) -> u64 {
        let Some(route) = route else { return 0 };
        if !self.0.contains_key(route) {
            self.0.insert(Arc::clone(route), OfRoute::default());
        }
        let Some(of_route) = self.0.get_mut(route) else { return 0 };
        if let Some(took) = view.upstream() {
            of_route.asked.count(took);
            let unpriced = std::mem::take(&mut of_route.unpriced);
            let price = of_route.asked.mean().unwrap_or_default();
            of_route.saved_micros = of_route.saved_micros.saturating_add(price.saturating_mul(unpriced));
        }
        if !matches!(view.outcome(), Outcome::Hit | Outcome::Stale | Outcome::Collapsed) {
            return 0;
        }
        let mean = key.and_then(|key| key.0.asked.mean()).or_else(|| of_route.asked.mean());
        let Some(mean) = mean else {
            of_route.unpriced += weight;
            return 0;
        };
        let saved = mean.saturating_mul(weight);
        of_route.saved_micros = of_route.saved_micros.saturating_add(saved);
        saved
    }

    /// Since the start, by route.
    pub(super) fn by_route(&self) -> BTreeMap<String, Duration> {
        let saved = |of_route: &OfRoute| Duration::from_micros(of_route.saved_micros);
        self.0.iter().map(|(route, of_route)| (route.to_string(), saved(of_route))).collect()
    }

    pub(super) fn sample(&self, samples: &mut Samples) {
        for (route, saved) in self.by_route() {
            samples.time(&SAVED, &[&route], saved);
        }
    }
}
