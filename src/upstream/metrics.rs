//! The metrics of the upstream servers.

use super::overview::{PoolOverview, ShownState};
use super::pools::Pools;
use super::stats::{ServerState, ServerStats};
use crate::metric::{Measured, Metric, Samples};

/// Requests sent to an upstream server, retries included.
pub(crate) const UPSTREAM_REQUESTS: Metric = Metric::counter(
    "larder_upstream_requests_total",
    &["pool", "server", "result"],
    "Requests sent to an upstream server, retries included.",
);
/// Time from sending a request to the head of the upstream's answer.
pub(crate) const UPSTREAM_DURATION: Metric = Metric::histogram(
    "larder_upstream_request_duration_seconds",
    &["pool", "server"],
    "Time from sending a request to the head of the upstream's answer.",
);
const UPSTREAM_RETRIES: Metric = Metric::counter(
    "larder_upstream_retries_total",
    &["pool", "server", "cause"],
    "Requests that were tried again, at this server or the next, by the reason why its answer would not do.",
);
const UPSTREAM_UP: Metric = Metric::gauge(
    "larder_upstream_server_up",
    &["pool", "server"],
    "1, or 0 while the server keeps failing: it has been taken out, or would be if there were another.",
);
const UPSTREAM_CONNECTIONS: Metric = Metric::gauge(
    "larder_upstream_connections",
    &["pool", "server", "state"],
    "Open connections: `active` ones carry a request, `idle` ones wait for one; those that have changed to another protocol are not counted.",
);

const UPSTREAM_DRAINING: Metric = Metric::gauge(
    "larder_upstream_server_draining",
    &["pool", "server"],
    "1 while the server is being drained: it is sent nothing new.",
);
const UPSTREAM_EJECTIONS: Metric = Metric::counter(
    "larder_upstream_ejections_total",
    &["pool", "server", "cause"],
    "How often an address of the server was taken out: for what became of `requests`, or by health `checks`.",
);
const UPSTREAM_UNDER_WAY: Metric = Metric::gauge(
    "larder_upstream_pool_requests",
    &["pool", "state"],
    "Requests of the pool: `active` ones are under way, `waiting` ones wait for their turn (max_requests).",
);

/// The metrics of the upstream servers.
pub(crate) const METRICS: &[&Metric] = &[
    &UPSTREAM_REQUESTS,
    &UPSTREAM_DURATION,
    &UPSTREAM_RETRIES,
    &UPSTREAM_UP,
    &UPSTREAM_CONNECTIONS,
    &UPSTREAM_DRAINING,
    &UPSTREAM_EJECTIONS,
    &UPSTREAM_UNDER_WAY,
];

impl Measured for Pools {
    fn sample(&self, samples: &mut Samples) {
        for stats in self.stats() {
            sample_server(&stats, samples);
        }
        for pool in self.overview() {
            sample_pool(&pool, samples);
        }
    }
}

fn sample_pool(pool: &PoolOverview, samples: &mut Samples) {
    let requests = [("active", u64::from(pool.under_way)), ("waiting", pool.waiting as u64)];
    samples.numbers(&UPSTREAM_UNDER_WAY, &[&pool.pool], requests);
    for server in &pool.servers {
        let labels = [pool.pool.as_str(), server.server.as_str()];
        samples.number(&UPSTREAM_DRAINING, &labels, u64::from(server.state == ShownState::Draining));
        let ejections = [("requests", server.ejections), ("checks", server.failed_checks)];
        samples.numbers(&UPSTREAM_EJECTIONS, &labels, ejections);
    }
}

fn sample_server(stats: &ServerStats, samples: &mut Samples) {
    let server = [stats.pool.as_str(), stats.server.as_str()];
    samples.numbers(&UPSTREAM_REQUESTS, &server, stats.results.map(|(result, count)| (result.label(), count)));
    samples.durations(&UPSTREAM_DURATION, &server, stats.durations);
    samples.numbers(&UPSTREAM_RETRIES, &server, stats.retries.map(|(cause, count)| (cause.label(), count)));
    samples.number(&UPSTREAM_UP, &server, u64::from(stats.state == ServerState::Up));
    let connections = [("active", stats.connections_active), ("idle", stats.connections_idle)];
    samples.numbers(&UPSTREAM_CONNECTIONS, &server, connections.map(|(state, count)| (state, count as u64)));
}
