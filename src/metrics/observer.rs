//! What the other parts of this floor and below tell, in the metrics' terms.

use super::Metrics;
use super::requests::Why;
use super::sources::{DEFAULT_POOL, ServerUsage, TierUsage};
use crate::engine::outcome::Outcome;
use crate::proxy::observer::{Closed, Ending, Finished, Observer, PlainHit, WhyClosed};
use crate::semantics::reason::Reason;
use crate::store::memory::Usage;
use crate::upstream::stats::{ServerState, ServerStats};
use http::StatusCode;
use std::sync::atomic::Ordering;

/// Counted for a client that left before there was a status: no HTTP status, but the class of client errors.
const CLIENT_LEFT: u16 = 499;

impl Observer for Metrics {
    fn finished(&self, finished: &Finished) {
        let left = StatusCode::from_u16(CLIENT_LEFT).unwrap_or(StatusCode::BAD_REQUEST);
        let status = finished.status.unwrap_or(left);
        let outcome = finished.decision.as_ref().map_or(Outcome::Error, |decision| decision.outcome);
        let outcome = if finished.ending == Ending::Truncated { Outcome::Error } else { outcome };
        let route = finished.decision.as_ref().and_then(|decision| decision.route.as_ref());
        self.request_finished(route, outcome, why(finished), status, finished.duration);
    }

    fn plain_hit(&self, hit: &PlainHit<'_>) {
        let why = Why::Decided(hit.decision.reason);
        self.request_finished(hit.decision.route.as_ref(), hit.decision.outcome, why, hit.status, hit.duration);
    }

    fn closed(&self, closed: &Closed) {
        if closed.why == WhyClosed::Room {
            self.closed_for_room.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn full(&self) {
        self.waited.fetch_add(1, Ordering::Relaxed);
    }
}

/// Why a request ended as it did: a body cut short outweighs how the request was decided.
fn why(finished: &Finished) -> Why {
    match (&finished.refused, &finished.decision, finished.status) {
        (Some((refusal, _)), ..) => Why::Refused(*refusal),
        (None, Some(_), _) if finished.ending == Ending::Truncated => Why::Decided(Reason::BodyTruncated),
        (None, Some(decision), _) => Why::Decided(decision.reason),
        (None, None, None) => Why::Decided(Reason::ClientLeft),
        (None, None, Some(_)) => Why::Decided(Reason::Panicked),
    }
}

impl TierUsage {
    /// The memory tier's numbers.
    #[must_use]
    pub fn of_memory(usage: &Usage) -> Self {
        Self {
            tier: "memory",
            entries: usage.entries,
            bytes: usage.bytes,
            bytes_max: usage.size_bytes,
            evictions: vec![
                ("capacity", usage.evicted_capacity),
                ("replaced", usage.evicted_replaced),
                ("removed", usage.evicted_removed),
            ],
        }
    }
}

impl ServerUsage {
    /// One upstream server's numbers.
    #[must_use]
    pub fn of(stats: &ServerStats) -> Self {
        let count = |connections| u64::try_from(connections).unwrap_or(u64::MAX);
        Self {
            pool: DEFAULT_POOL,
            server: stats.server.clone(),
            requests: stats.results.iter().map(|(result, count)| (result.label(), *count)).collect(),
            retries: stats.retries.iter().map(|(cause, count)| (cause.label(), *count)).collect(),
            up: u64::from(stats.state == ServerState::Up),
            connections: vec![("active", count(stats.connections_active)), ("idle", count(stats.connections_idle))],
            durations: stats.durations,
        }
    }
}
