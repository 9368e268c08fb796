//! The metrics of what instances share.

use super::breaker::BreakerState;
use super::guarded_link::GuardedLink;
use super::redis_leases::RedisLeases;
use crate::metric::{Measured, Metric, Samples};

pub(crate) const REDIS_BREAKER: Metric =
    Metric::gauge("larder_redis_breaker_open", &[], "1 while Redis counts as away, so that requests do without it.");
pub(crate) const REDIS_FAILURES: Metric =
    Metric::counter("larder_redis_failures_total", &["failure"], "Commands to Redis without a usable reply.");
const FLEET_CLAIMS: Metric = Metric::counter(
    "larder_fleet_claims_total",
    &["result"],
    "Fetches claimed for the whole fleet, by what came of that.",
);

/// The metrics of what instances share.
pub(crate) const METRICS: &[&Metric] = &[&REDIS_BREAKER, &REDIS_FAILURES, &FLEET_CLAIMS];

impl Measured for GuardedLink {
    fn sample(&self, samples: &mut Samples) {
        samples.number(&REDIS_BREAKER, &[], u64::from(self.breaker() == BreakerState::Open));
        samples.numbers(&REDIS_FAILURES, &[], self.failures().map(|(failure, count)| (failure.label(), count)));
    }
}

impl Measured for RedisLeases {
    fn sample(&self, samples: &mut Samples) {
        samples.numbers(&FLEET_CLAIMS, &[], self.claims());
    }
}
