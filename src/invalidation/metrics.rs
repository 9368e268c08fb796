//! The metrics of purges.

use super::Invalidation;
use crate::metric::{Measured, Metric, Samples};
use crate::rules::switch::{ALL_ROUTES, PlacedSwitch, Switch, SwitchMode, SwitchScope};

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

const SWITCH_ACTIVE: Metric = Metric::gauge(
    "larder_switch_active",
    &["route", "mode"],
    "1 while an incident switch is on. The route `*` stands for all; another is there only while its own switch is on.",
);

/// The metrics of purges.
pub(crate) const METRICS: &[&Metric] = &[
    &PURGES,
    &PURGE_LAG,
    &INVALIDATION_POSITION,
    &BARRIERS,
    &INSTANCES,
    &VERSIONS_MIXED,
    &RULES_MIXED,
    &SWITCH_ACTIVE,
];

impl Measured for Invalidation {
    fn sample(&self, samples: &mut Samples) {
        for purged in self.purge_counts() {
            samples.number(&PURGES, &[purged.scope, purged.source.label()], purged.count);
        }
        samples.durations(&PURGE_LAG, &[], self.purge_lags());
        samples.number(&INVALIDATION_POSITION, &[], self.generation());
        samples.number(&BARRIERS, &[], self.barriers() as u64);
        let on = self.switches.on(self.clock.now());
        for mode in SwitchMode::ALL.into_iter().filter(|mode| *mode != SwitchMode::Normal) {
            let is_on = |placed: &&PlacedSwitch| placed.switch.scope == SwitchScope::All && placed.switch.mode == mode;
            samples.number(&SWITCH_ACTIVE, &[ALL_ROUTES, mode.label()], on.iter().filter(is_on).count() as u64);
        }
        for Switch { scope, mode, .. } in on.iter().map(|placed| &placed.switch) {
            if *scope != SwitchScope::All {
                samples.number(&SWITCH_ACTIVE, &[scope.as_str(), mode.label()], 1);
            }
        }
        if let Some(members) = self.members() {
            for ((version, rules), count) in members.by_kind() {
                samples.number(&INSTANCES, &[version, rules], count);
            }
            samples.number(&VERSIONS_MIXED, &[], u64::from(members.versions_mixed()));
            samples.number(&RULES_MIXED, &[], u64::from(members.rules_mixed()));
        }
    }
}
