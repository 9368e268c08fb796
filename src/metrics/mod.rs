//! Every metric in one [`table`], counted where it happens, rendered when somebody reads.
//!
//! The metrics hold what no one else counts: [`requests`]. All else is pulled from [`sources`] at the time of reading,
//! so that no number is kept twice. Nothing here locks on a request's path.

pub mod requests;
pub mod sources;
pub mod table;

mod families;
mod observer;

use crate::engine::outcome::Outcome;
use crate::scope::RouteName;
use http::StatusCode;
use prometheus::TextEncoder;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use requests::{RequestCounts, Requests, Why};
use sources::{MetricSources, RulesUsage, ServerUsage, TierUsage};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The metrics of this process.
pub struct Metrics {
    requests: Requests,
    closed_for_room: AtomicU64,
    waited: AtomicU64,
    sources: MetricSources,
    process: ProcessCollector,
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(sources: MetricSources) -> Self {
        Self {
            requests: Requests::default(),
            closed_for_room: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            sources,
            process: ProcessCollector::for_self(),
        }
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

    /// What the tiers hold now.
    #[must_use]
    pub fn tiers(&self) -> Vec<TierUsage> {
        (self.sources.tiers)()
    }

    /// What the upstream servers were asked so far.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerUsage> {
        (self.sources.servers)()
    }

    /// What became of attempts to load rules.
    #[must_use]
    pub fn rules(&self) -> RulesUsage {
        (self.sources.rules)()
    }

    /// Everything in the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut families = families::all(self);
        families.extend(self.process.collect());
        families.retain(|family| !family.get_metric().is_empty());
        let mut text = String::with_capacity(16 * 1024);
        let encoded = TextEncoder::new().encode_utf8(&families, &mut text);
        encoded.expect("a string takes every write, and families without a name or a sample are not there");
        text
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
