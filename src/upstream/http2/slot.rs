//! A place for one request on a connection.

use super::super::failure::Answer;
use super::super::outgoing::Hearing;
use super::super::request_body::RequestBody;
use super::super::transport::Refusal;
use super::body::Http2Body;
use super::exchange;
use super::line::Line;
use crate::engine::request_fields::RequestFields;
use crate::semantics::forwarding::set_for_next_hop;
use http::Request;
use std::sync::Arc;
use tokio::time::Instant;

/// A place for one request on a connection. Dropped, it is free.
pub(in crate::upstream) struct Slot {
    line: Arc<Line>,
    began: Instant,
}

impl Slot {
    /// A place on this connection, where there is room.
    pub(super) fn on(line: &Arc<Line>) -> Option<Self> {
        line.enter()?;
        Some(Self { line: Arc::clone(line), began: Instant::now() })
    }

    /// Whether the connection had carried a request before this one.
    pub(in crate::upstream) fn marks_used(&self) -> bool {
        self.line.marks_used()
    }

    /// Sends the request.
    pub(in crate::upstream) fn send(
        &self,
        head: &Request<RequestFields>,
        body: RequestBody,
        hearing: Option<&Hearing>,
    ) -> impl Future<Output = Answer<Http2Body>> + use<> {
        let mut head = head.clone();
        let mut fields = std::mem::take(head.body_mut());
        if fields.shared().is_some() {
            fields.put_into(head.headers_mut());
            set_for_next_hop(head.headers_mut());
        }
        exchange::send(Arc::clone(&self.line), self.line.sender.clone(), head.map(|_| ()), body, hearing.cloned())
    }

    /// Whether the server has ended TLS.
    pub(in crate::upstream) fn refusal(&self) -> &Refusal {
        &self.line.refusal
    }

    /// The server has left a request unanswered for too long. Where it has said nothing at all meanwhile, others go
    /// over another connection.
    pub(in crate::upstream) fn was_silent(&self) {
        if self.line.pulse.heard_at() <= self.began {
            self.line.close();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.line.leave();
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
