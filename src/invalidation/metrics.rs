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

const INSTANCES: Metric = Metric::gauge(
    "larder_fleet_instances",
    &["version", "rules"],
    "Live instances of the fleet, this one among them, by version and by the digest of their rules; `unknown` is said by none and stands for versions that do not say.",
);
const VERSIONS_MIXED: Metric = Metric::gauge(
    "larder_fleet_versions_mixed",
    &[],
    "1 while the live instances of the fleet are of more than one version.",
);
const RULES_MIXED: Metric = Metric::gauge(
    "larder_fleet_rules_mixed",
    &[],
    "1 while the live instances of the fleet go by more than one set of rules.",
);

/// The metrics of purges.
pub(crate) const METRICS: &[&Metric] =
    &[&PURGES, &PURGE_LAG, &INVALIDATION_POSITION, &BARRIERS, &INSTANCES, &VERSIONS_MIXED, &RULES_MIXED];

impl Measured for Invalidation {
    fn sample(&self, samples: &mut Samples) {
        for purged in self.purge_counts() {
            samples.number(&PURGES, &[purged.scope, purged.source.label()], purged.count);
        }
        samples.durations(&PURGE_LAG, &[], self.purge_lags());
        samples.number(&INVALIDATION_POSITION, &[], self.generation());
        samples.number(&BARRIERS, &[], self.barriers() as u64);
        if let Some(members) = self.members() {
            for ((version, rules), count) in members.by_kind() {
                samples.number(&INSTANCES, &[version, rules], count);
            }
            samples.number(&VERSIONS_MIXED, &[], u64::from(members.versions_mixed()));
            samples.number(&RULES_MIXED, &[], u64::from(members.rules_mixed()));
        }
    }
}
