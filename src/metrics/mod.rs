//! Every metric, counted where it happens and rendered when somebody reads.
//!
//! What this module counts itself is [`requests`], [`connections`] and [`upstream_waits`]; the values of others are read at the time of
//! reading, so that no number is kept twice. Nothing here locks on a request's path.

pub(crate) mod connections;
pub(crate) mod requests;
pub(crate) mod upstream_waits;

mod observer;
mod text;

use crate::engine::outcome::Outcome;
use crate::metric::{Measured, Metric, Sample, Samples};
use crate::scope::RouteName;
use crate::version::{REVISION, VERSION};
use connections::Connections;
use http::StatusCode;
use prometheus::process_collector::ProcessCollector;
use requests::{RequestCounts, Requests, Why};
use std::sync::Arc;
use std::time::Duration;
use upstream_waits::UpstreamWaits;

const BUILD_INFO: Metric =
    Metric::gauge("larder_build_info", &["version", "revision"], "Always 1; which build it is, is in the labels.");

/// Those of this module's root.
pub(crate) const METRICS: &[&Metric] = &[&BUILD_INFO];

/// The metrics of this process.
pub struct Metrics {
    requests: Requests,
    connections: Connections,
    upstream_waits: UpstreamWaits,
    others: Vec<Arc<dyn Measured>>,
    process: ProcessCollector,
}

impl Metrics {
    /// Nothing counted yet; these count for themselves.
    #[must_use]
    pub fn new(others: Vec<Arc<dyn Measured>>) -> Self {
        let (requests, connections) = (Requests::default(), Connections::default());
        let upstream_waits = UpstreamWaits::default();
        Self { requests, connections, upstream_waits, others, process: ProcessCollector::for_self() }
    }

    /// Counts one answered request. `duration` is from the request's head to the end of the answer.
    pub fn request_finished(
        &self,
        route: Option<&RouteName>,
        outcome: Outcome,
        why: Why,
        status: StatusCode,
        duration: Duration,
    ) {
        self.requests.record(route, outcome, why, status, duration);
    }

    /// The requests counted so far, by route and outcome.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestCounts> {
        self.requests.read()
    }

    /// Every sample but those of the process.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Samples::default();
        self.requests.sample(&mut samples);
        self.connections.sample(&mut samples);
        self.upstream_waits.sample(&mut samples);
        for other in &self.others {
            other.sample(&mut samples);
        }
        samples.number(&BUILD_INFO, &[VERSION, REVISION], 1);
        samples.into_vec()
    }

    /// Everything in the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        text::render(self.samples(), &self.process)
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
