//! The metrics of purges.

use super::Invalidation;
use crate::metric::{Measured, Metric, Samples};

const PURGES: Metric = Metric::counter("larder_purges_total", &["scope", "source"], "Scopes purged.");
const PURGE_LAG: Metric = Metric::histogram(
    "larder_purge_lag_seconds",
    &[],
    "How long after a purge was appended to the fleet's log this instance applied it, by Redis's clock; a histogram, so that a quantile over all purges and instances can be alerted on.",
);
const INVALIDATION_POSITION: Metric =
    Metric::gauge("larder_invalidation_position", &[], "Purges applied by this instance since it started.");
const BARRIERS: Metric = Metric::gauge("larder_invalidation_barriers", &[], "Scopes whose last purge is remembered.");

/// The metrics of purges.
pub(crate) const METRICS: &[&Metric] = &[&PURGES, &PURGE_LAG, &INVALIDATION_POSITION, &BARRIERS];

impl Measured for Invalidation {
    fn sample(&self, samples: &mut Samples) {
        for purged in self.purge_counts() {
            samples.number(&PURGES, &[purged.scope, purged.source.label()], purged.count);
        }
        samples.durations(&PURGE_LAG, &[], self.purge_lags());
        samples.number(&INVALIDATION_POSITION, &[], self.generation());
        samples.number(&BARRIERS, &[], self.barriers() as u64);
    }
}
