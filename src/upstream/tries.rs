//! One request's tries: which server is asked, and what is tried again (RFC 9110 section 9.2.2).
//!
//! A server that took no connection got nothing, so the next is asked, whatever the method, until each has been. A
//! request that may have been received is sent to another server only where that does no harm, as often as the options
//! allow, as long as the budget holds and the deadline has not passed.

use super::Shared;
use super::budget::Turn;
use super::failure::{Again, Attempted, Failed, Silence};
use super::outgoing::{Outgoing, Spare};
use super::server::{Allowed, Server, Spares};
use super::stats::FetchResult;
use super::terms::Terms;
use crate::engine::exchange::Exchanged;
use crate::engine::origin::Body;
use crate::semantics::reason::Reason;
use http::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The tries of one request.
pub(super) struct Tries<'a> {
    shared: &'a Shared,
    terms: &'a Terms,
    /// Those that have been asked, by index.
    asked: Vec<usize>,
    /// How many there have been.
    count: u32,
    /// Tries left of a request that may have been received.
    left: u32,
    /// The answer of a server that would rather not, while another is asked.
    unwilling: Option<Response<Body>>,
}

/// What comes after a try.
enum Next {
    Done(Result<Response<Body>, Failed>),
    SameServer(Box<Outgoing>),
    OtherServer(Box<Outgoing>),
}

impl<'a> Tries<'a> {
    pub(super) fn new(shared: &'a Shared, terms: &'a Terms) -> Self {
        shared.budget.request(shared.roster.now());
        let left = shared.options.retries.attempts;
        Self { shared, terms, asked: Vec::new(), count: 0, left, unwilling: None }
    }

    /// Tries until there is an answer, or no further try is allowed.
    pub(super) async fn run(mut self, mut outgoing: Outgoing) -> Result<Response<Body>, Failed> {
        if !self.terms.may_go_on() {
            return Err(Silence::Deadline.into());
        }
        let mut allowed = Allowed::UnusedFirst;
        let mut chosen = self.shared.choose(&self.asked);
        let spares = if self.shared.servers.len() > 1 { Spares::Always } else { Spares::OfUsedConnections };
        loop {
            let server = &self.shared.servers[chosen];
            let (began, began_at) = (self.shared.roster.now(), Instant::now());
            self.count += 1;
            let attempted = server.attempt(outgoing, allowed, spares, self.terms).await;
            match self.judge(attempted, chosen, began, began_at) {
                Next::Done(result) => {
                    self.note(server);
                    return result;
                }
                Next::SameServer(again) => {
                    allowed = Allowed::NewOnly;
                    outgoing = *again;
                }
                Next::OtherServer(again) => {
                    self.asked.push(chosen);
                    allowed = Allowed::UnusedFirst;
                    chosen = self.shared.choose(&self.asked);
                    outgoing = *again;
                }
            }
        }
    }

    /// Writes down who was asked last.
    fn note(&self, server: &Server) {
        if let Some(note) = &self.terms.note {
            note.add(Exchanged { server: Arc::clone(server.name()), took: self.terms.took(), tries: self.count });
        }
    }

    /// Counts what became of a try, and says what comes next.
    fn judge(&mut self, attempted: Attempted, index: usize, began: Duration, began_at: Instant) -> Next {
        let (server, roster) = (&self.shared.servers[index], &self.shared.roster);
        let (cause, next) = match attempted {
            Attempted::Answered(response, spare) => {
                server.counters.finished(FetchResult::Answered, began_at.elapsed());
                if !is_unwilling(response.status()) {
                    roster.answered(index, began);
                    return Next::Done(Ok(response));
                }
                roster.failed(index, "it answers with 502, 503 or 504");
                (Reason::UpstreamErrorStatus, self.after_unwilling(response, spare, index))
            }
            Attempted::Failed(failed, again) => {
                server.counters.finished(FetchResult::Failed(failed.reason), began_at.elapsed());
                match (failed.reason, &again) {
                    (Reason::UpstreamConnect, _) => roster.failed(index, "it takes no connections"),
                    // A deadline that other servers have used up says nothing of this one.
                    (Reason::UpstreamTimeout, _) if self.count == 1 || self.terms.may_go_on() => {
                        roster.failed(index, "it does not answer in time");
                    }
                    // What was closed while it waited is no failure.
                    (Reason::UpstreamClosed, Again::NewConnection(_)) => {}
                    (Reason::UpstreamClosed, _) => roster.failed(index, "it closes connections without an answer"),
                    _ => {}
                }
                (failed.reason, self.after_failure(failed, again, index))
            }
        };
        if !matches!(next, Next::Done(_)) {
            server.counters.retried(cause);
        }
        next
    }

    /// 502, 503 and 504 of one server are not the answer as long as another may have one.
    fn after_unwilling(&mut self, response: Response<Body>, spare: Option<Box<Spare>>, index: usize) -> Next {
        let spare = spare.filter(|spare| spare.is_safe() && spare.is_head_only());
        match spare.filter(|_| self.has_other(index) && self.may_try_again()).and_then(Spare::into_outgoing) {
            Some(outgoing) => {
                self.unwilling = Some(response);
                Next::OtherServer(Box::new(outgoing))
            }
            None => Next::Done(Ok(response)),
        }
    }

    fn after_failure(&mut self, failed: Failed, again: Again, index: usize) -> Next {
        match again {
            Again::NewConnection(outgoing) if self.terms.may_go_on() => Next::SameServer(outgoing),
            Again::OtherServer(outgoing) if self.has_other(index) && self.terms.may_go_on() => {
                Next::OtherServer(outgoing)
            }
            Again::Elsewhere(outgoing) if self.has_other(index) && self.may_try_again() => Next::OtherServer(outgoing),
            _ => Next::Done(self.unwilling.take().ok_or(failed)),
        }
    }

    fn has_other(&self, index: usize) -> bool {
        (0..self.shared.servers.len()).any(|other| other != index && !self.asked.contains(&other))
    }

    /// Whether another server may be sent what this one may have received. Where that is so, it counts.
    fn may_try_again(&mut self) -> bool {
        if self.left == 0 || !self.terms.may_go_on() || self.shared.budget.take(self.shared.roster.now()) == Turn::Spent
        {
            return false;
        }
        self.left -= 1;
        true
    }
}

/// Whether a status says that this server can't answer now, and perhaps another can. A 500 says nothing of that: one
/// bad URL may bring it about anywhere.
fn is_unwilling(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
