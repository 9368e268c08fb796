//! Counters of each server, read by the metrics.

pub use super::health::ServerState;

use crate::histogram::{DurationCounts, DurationHistogram};
use crate::rules::origin_request::PoolName;
use crate::semantics::reason::Reason;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What became of one try to get an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchResult {
    /// A response's head arrived, whatever its status.
    Answered,
    /// None did.
    Failed(Reason),
}

impl FetchResult {
    /// Every result.
    pub const ALL: [Self; 10] = [
        Self::Answered,
        Self::Failed(Reason::UpstreamConnect),
        Self::Failed(Reason::UpstreamCertificate),
        Self::Failed(Reason::UpstreamTls),
        Self::Failed(Reason::UpstreamTlsAlert),
        Self::Failed(Reason::UpstreamTimeout),
        Self::Failed(Reason::UpstreamClosed),
        Self::Failed(Reason::UpstreamInvalid),
        Self::Failed(Reason::UpstreamHeadTooLarge),
        Self::Failed(Reason::ClientBody),
    ];

    /// The stable label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(reason) => reason.label(),
        }
    }
}

/// Why a try was followed by another, as stable labels.
pub(crate) const RETRY_CAUSES: [Reason; 7] = [
    Reason::UpstreamConnect,
    Reason::UpstreamCertificate,
    Reason::UpstreamTls,
    Reason::UpstreamTlsAlert,
    Reason::UpstreamTimeout,
    Reason::UpstreamClosed,
    Reason::UpstreamErrorStatus,
];

/// The counters of one server at one moment.
#[derive(Debug, Clone)]
pub struct ServerStats {
    /// The name of its pool.
    pub pool: String,
    /// `host:port`
    pub server: String,
    /// Tries by result.
    pub results: [(FetchResult, u64); FetchResult::ALL.len()],
    /// How long tries took, from choosing a connection to the response's head or failure.
    pub durations: DurationCounts,
    /// Tries that were followed by another, at this server or the next, by cause.
    pub retries: [(Reason, u64); RETRY_CAUSES.len()],
    /// Tries on a connection that had been used before.
    pub connections_reused: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Open connections that carry a request. One that has changed to another protocol is no longer counted.
    pub connections_active: usize,
    /// Connections that wait to be used.
    pub connections_idle: usize,
    /// Its health.
    pub state: ServerState,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    results: [AtomicU64; FetchResult::ALL.len()],
    retries: [AtomicU64; RETRY_CAUSES.len()],
    durations: DurationHistogram,
    pub(super) open: AtomicUsize,
    pub(super) reused: AtomicU64,
    pub(super) opened: AtomicU64,
}

impl Counters {
    pub(super) fn finished(&self, result: FetchResult, took: Duration) {
        let results = FetchResult::ALL.iter().zip(&self.results);
        for (_, counter) in results.filter(|(counted, _)| **counted == result) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.durations.record(took);
    }

    /// What was tried there is tried again.
    pub(super) fn retried(&self, cause: Reason) {
        let causes = RETRY_CAUSES.iter().zip(&self.retries);
        for (_, counter) in causes.filter(|(counted, _)| **counted == cause) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn retries(&self) -> [(Reason, u64); RETRY_CAUSES.len()] {
        std::array::from_fn(|i| (RETRY_CAUSES[i], self.retries[i].load(Ordering::Relaxed)))
    }

    /// All of them, with what is known of the server otherwise.
    pub(super) fn read(
        &self,
        pool: &PoolName,
        server: &str,
        connections_idle: usize,
        state: ServerState,
    ) -> ServerStats {
        ServerStats {
            pool: pool.as_str().to_owned(),
            server: server.to_owned(),
            results: self.results(),
            retries: self.retries(),
            durations: self.durations.read(),
            connections_reused: self.reused.load(Ordering::Relaxed),
            connections_opened: self.opened.load(Ordering::Relaxed),
            connections_active: self.open.load(Ordering::Relaxed).saturating_sub(connections_idle),
            connections_idle,
            state,
        }
    }

    fn results(&self) -> [(FetchResult, u64); FetchResult::ALL.len()] {
        std::array::from_fn(|i| (FetchResult::ALL[i], self.results[i].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_is_counted_once_by_result_and_duration() {
        let counters = Counters::default();
        counters.finished(FetchResult::Answered, Duration::from_millis(1));
        counters.finished(FetchResult::Answered, Duration::from_micros(1001));
        counters.finished(FetchResult::Failed(Reason::UpstreamTimeout), Duration::from_secs(30));
        let results = counters.results();
        assert_eq!(results[0], (FetchResult::Answered, 2));
        assert_eq!(results[5], (FetchResult::Failed(Reason::UpstreamTimeout), 1));
        assert_eq!(counters.durations.read().count(), 3);
        assert_eq!(counters.durations.read().sum_nanos, 30_002_001_000);
    }
}
