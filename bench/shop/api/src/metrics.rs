//! What the API counts of itself, in Prometheus' text format.

use crate::queries::Query;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::time::Duration;

/// Upper bounds in seconds, from a look-up by primary key to an aggregate on a busy machine.
const BUCKETS: [f64; 22] = [
    0.000_25, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0,
    2.0, 3.0, 5.0, 10.0,
];

/// The metric families and their registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    queries: IntCounterVec,
    query_errors: IntCounterVec,
    query_duration: HistogramVec,
    pool_wait: Histogram,
    pool_connections: IntGaugeVec,
}

impl Metrics {
    /// All families, at zero for every query.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: Registry::new_custom(Some("shop".to_owned()), None)?,
            requests: IntCounterVec::new(Opts::new("requests_total", "Requests answered."), &["endpoint", "status"])?,
            queries: IntCounterVec::new(Opts::new("database_queries_total", "Statements run."), &["query"])?,
            query_errors: IntCounterVec::new(
                Opts::new("database_query_errors_total", "Statements that failed, for want of a connection too."),
                &["query"],
            )?,
            query_duration: HistogramVec::new(
                HistogramOpts::new(
                    "database_query_duration_seconds",
                    "Time of a statement, without waiting for a connection.",
                )
                .buckets(BUCKETS.to_vec()),
                &["query"],
            )?,
            pool_wait: Histogram::with_opts(
                HistogramOpts::new("database_pool_wait_seconds", "Time of waiting for a connection.")
                    .buckets(BUCKETS.to_vec()),
            )?,
            pool_connections: IntGaugeVec::new(
                Opts::new("database_pool_connections", "Connections to the database."),
                &["state"],
            )?,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        for counters in [&self.requests, &self.queries, &self.query_errors] {
            self.registry.register(Box::new(counters.clone()))?;
        }
        self.registry.register(Box::new(self.query_duration.clone()))?;
        self.registry.register(Box::new(self.pool_wait.clone()))?;
        self.registry.register(Box::new(self.pool_connections.clone()))?;
        for query in Query::ALL {
            self.queries.with_label_values(&[query.label()]);
            self.query_errors.with_label_values(&[query.label()]);
            self.query_duration.with_label_values(&[query.label()]);
        }
        Ok(())
    }

    /// A request was answered.
    pub(crate) fn answered(&self, endpoint: &str, status: u16) {
        self.requests.with_label_values(&[endpoint, &status.to_string()]).inc();
    }

    /// A connection was there after this time.
    pub(crate) fn waited(&self, time: Duration) {
        self.pool_wait.observe(time.as_secs_f64());
    }

    /// A statement has run.
    pub(crate) fn ran(&self, query: Query, time: Duration) {
        self.queries.with_label_values(&[query.label()]).inc();
        self.query_duration.with_label_values(&[query.label()]).observe(time.as_secs_f64());
    }

    /// A statement has failed, or could not begin.
    pub(crate) fn failed(&self, query: Query) {
        self.query_errors.with_label_values(&[query.label()]).inc();
    }

    /// The text, with this many connections in use and idle.
    pub(crate) fn text(&self, used: i64, idle: i64) -> Result<String, prometheus::Error> {
        self.pool_connections.with_label_values(&["used"]).set(used);
        self.pool_connections.with_label_values(&["idle"]).set(idle);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_counts_once_in_its_own_family() {
        let metrics = Metrics::new().expect("the families are well named");
        metrics.ran(Query::Search, Duration::from_millis(40));
        metrics.failed(Query::List);
        let text = metrics.text(3, 17).expect("it can be written");
        for line in [
            "shop_database_queries_total{query=\"search\"} 1",
            "shop_database_queries_total{query=\"list\"} 0",
            "shop_database_query_errors_total{query=\"list\"} 1",
            "shop_database_query_duration_seconds_bucket{query=\"search\",le=\"0.03\"} 0",
            "shop_database_query_duration_seconds_bucket{query=\"search\",le=\"0.05\"} 1",
            "shop_database_pool_connections{state=\"used\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }
}
