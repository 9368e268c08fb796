//! The metrics of the engine.

use super::Engine;
use crate::metric::{Measured, Metric, Samples};

const ADMISSIONS: Metric = Metric::counter(
    "larder_admissions_total",
    &["route", "result"],
    "Answers to fetches on cacheable routes, by what came of storing them: `stored`, or the reason why not.",
);
const RECODED: Metric = Metric::counter(
    "larder_recoded_total",
    &["coding"],
    "Stored bodies of which another content coding was made for the clients that take no better one.",
);
const REFRESHES: Metric = Metric::counter("larder_refreshes_total", &[], "Hot keys fetched again after a purge.");

/// The metrics of the engine.
pub(crate) const METRICS: &[&Metric] = &[&ADMISSIONS, &RECODED, &REFRESHES];

impl Measured for Engine {
    fn sample(&self, samples: &mut Samples) {
        for (route, outcome, count) in self.store_outcome_counts() {
            samples.number(&ADMISSIONS, &[route.as_str(), outcome], count);
        }
        for (coding, count) in self.recoding.made() {
            samples.number(&RECODED, &[coding.token()], count);
        }
        samples.number(&REFRESHES, &[], self.refreshes());
        self.consistency().sample(samples);
        if let Some(stamping) = self.stamping() {
            stamping.counts.sample(samples);
        }
    }
}
