//! The metric of what clients were refused.

use super::Clients;
use crate::metric::{Measured, Metric, Samples};
use std::sync::atomic::Ordering;

const REFUSED: Metric = Metric::counter(
    "larder_client_limit_refusals_total",
    &["limit"],
    "Requests answered 429, and connections closed unanswered, because one client had reached a limit of limits.per_client.",
);

/// The metrics of clients.
pub(crate) const METRICS: &[&Metric] = &[&REFUSED];

impl Measured for Clients {
    fn sample(&self, samples: &mut Samples) {
        let refused = &self.refused;
        let counts = [
            ("connections", &refused.connections),
            ("requests_per_second", &refused.requests),
            ("misses", &refused.misses),
        ];
        samples.numbers(&REFUSED, &[], counts.map(|(limit, count)| (limit, count.load(Ordering::Relaxed))));
    }
}
