//! What the metrics count of what the data port reports.

use super::Metrics;
use super::requests::Why;
use crate::engine::outcome::Outcome;
use crate::proxy::observer::HandshakeResult;
use crate::proxy::observer::{Closed, Ending, Finished, Observer, PlainHit, WhyClosed};
use crate::semantics::reason::Reason;
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
        if let Some(exchanged) = &finished.exchanged {
            self.upstream_waits.record(route, exchanged.took);
        }
    }

    fn plain_hit(&self, hit: &PlainHit<'_>) {
        let why = Why::Decided(hit.decision.reason);
        self.request_finished(hit.decision.route.as_ref(), hit.decision.outcome, why, hit.status, hit.duration);
    }

    fn closed(&self, closed: &Closed) {
        if closed.why == WhyClosed::Room {
            self.connections.closed_for_room.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn handshake(&self, result: HandshakeResult) {
        self.connections.handshake(result);
    }

    fn full(&self) {
        self.connections.waited.fetch_add(1, Ordering::Relaxed);
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
