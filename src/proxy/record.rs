//! What is gathered of a request until it is over.

use super::conversation::Conversation;
use super::observer::{Begun, Ending, Finished, Sender};
use super::request_id::RequestId;
use super::stream_progress::Progress;
use crate::engine::exchange::{Came, ExchangeNote};
use crate::engine::outcome::Outcome;
use crate::semantics::answer_lines::AnswerLines;
use crate::semantics::trace_context::TraceContext;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Collects what is reported of a request, and reports it when dropped: a request that is given up at any point, by
/// whomever, is reported too.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) finished: Finished,
    /// What is written down of the origin's part meanwhile.
    pub(super) note: ExchangeNote,
    /// When the request began.
    pub(super) started: Instant,
    /// What its client owes on its stream; none in HTTP/1.
    pub(super) stream: Option<Arc<Progress>>,
    /// The connection that the request came on.
    pub(super) conversation: Arc<Conversation>,
}

impl Record {
    /// A record of a request with these fields that began at `started`. Until something else is recorded, its client is gone.
    pub(super) fn new<B>(
        request: &http::Request<B>,
        headers: &HeaderMap,
        sender: Sender<'_>,
        started: Instant,
        conversation: Arc<Conversation>,
    ) -> Self {
        let request_id = sender.way.request_id().cloned().map_or_else(RequestId::random, RequestId::Given);
        Self::under(request_id, request, headers, sender, started, conversation)
    }

    /// The same under this id, which is that of its trace, too.
    pub(super) fn under<B>(
        request_id: RequestId,
        request: &http::Request<B>,
        headers: &HeaderMap,
        sender: Sender<'_>,
        started: Instant,
        conversation: Arc<Conversation>,
    ) -> Self {
        let begun = Begun { request_id: &request_id, headers, sender: sender.way.peer, at: started };
        let traced = conversation.observers.iter().find_map(|observer| observer.begun(&begun));
        let finished = Finished {
            request_id,
            client: sender.way.client,
            peer: sender.peer,
            said_id: sender.way.said_id.clone(),
            said_trace: TraceContext::line_of(headers).cloned(),
            user_agent: headers.get(http::header::USER_AGENT).cloned(),
            method: request.method().clone(),
            target: request.uri().clone(),
            host: headers.get(http::header::HOST).cloned(),
            version: request.version(),
            status: None,
            decision: None,
            refused: None,
            cause: None,
            age_secs: None,
            upstream_id: None,
            exchanged: None,
            traced,
            body_bytes: 0,
            duration: Duration::ZERO,
            ended: started,
            ending: Ending::ClientGone,
        };
        Self { finished, note: ExchangeNote::default(), started, stream: None, conversation }
    }

    /// Whether the answer is the origin's and has nothing to do with what is stored.
    fn is_passed(&self) -> bool {
        let outcome = self.finished.decision.as_ref().map(|decision| decision.outcome);
        matches!(outcome, Some(Outcome::Pass | Outcome::Bypass))
    }

    /// How the head of what passes through came, for the one who writes it.
    pub(super) fn take_came(&self) -> Came {
        if self.is_passed() { self.note.take_came() } else { Came::default() }
    }

    /// Reads of the lines of what passes through, where its fields came as those.
    pub(super) fn of_lines<T>(&self, read: impl FnOnce(&AnswerLines) -> T) -> Option<T> {
        if self.is_passed() { self.note.of_lines(read) } else { None }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let now = Instant::now();
        self.finished.ended = now;
        self.finished.duration = now.saturating_duration_since(self.started);
        self.finished.exchanged = self.note.read();
        self.conversation.request_ended(now);
        for observer in self.conversation.observers.iter() {
            observer.finished(&self.finished);
        }
    }
}
