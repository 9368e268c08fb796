//! One request's tries: which endpoint is asked, and what is tried again (RFC 9110 section 9.2.2).
//!
//! An endpoint that took no connection got nothing, so the next is asked, whatever the method, until each has been; then
//! names are looked up again, since a server may have moved. A request that may have been received is sent to another
//! endpoint only where that does no harm, as often as the options allow, as long as the budget holds and the deadline
//! has not passed.

use super::balance::Chosen;
use super::budget::Turn;
use super::endpoint::{Allowed, Endpoint, Spares};
use super::failure::{Again, Attempted, ConnectError, Failed, NobodyLeft, Silence};
use super::outgoing::{Outgoing, Spare};
use super::pool::Pool;
use super::server::Server;
use super::stats::FetchResult;
use super::terms::TryTerms;
use super::under_way::UnderWay;
use crate::engine::exchange::Exchanged;
use crate::engine::origin::{Body, OriginErrorKind};
use crate::semantics::reason::Reason;
use arc_swap::ArcSwap;
use http::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The tries of one request.
pub(super) struct Tries<'a> {
    /// By the options in force when it was last looked at.
    pool: Arc<Pool>,
    latest: &'a ArcSwap<Pool>,
    terms: &'a TryTerms,
    /// What the request is known by, where keys are spread.
    key: Box<[u8]>,
    /// Those that have been asked.
    asked: Vec<Arc<Endpoint>>,
    /// How many there have been.
    count: u32,
    /// Tries left of a request that may have been received.
    left: u32,
    /// The answer of a server that would rather not, while another is asked.
    unwilling: Option<Response<Body>>,
}

/// Whether the pool goes by other options than it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Others,
}

/// What comes after a try.
enum Next {
    Done(Result<Response<Body>, Failed>),
    SameEndpoint(Box<Outgoing>),
    OtherEndpoint(Box<Outgoing>),
    /// One that a look-up brings, if it does.
    NewEndpoint(Box<Outgoing>, Failed),
}

impl<'a> Tries<'a> {
    pub(super) fn new(pool: Arc<Pool>, latest: &'a ArcSwap<Pool>, terms: &'a TryTerms, key: Box<[u8]>) -> Self {
        pool.budget.request(pool.roster.at(terms.began()));
        let left = pool.options.retries.attempts;
        Self { pool, latest, terms, key, asked: Vec::new(), count: 0, left, unwilling: None }
    }

    /// Goes by the options that are in force now.
    fn look_again(&mut self) -> Change {
        let latest = self.latest.load();
        if Arc::ptr_eq(&latest, &self.pool) {
            return Change::None;
        }
        self.pool = Arc::clone(&latest);
        Change::Others
    }

    /// Tries until there is an answer, or no further try is allowed.
    pub(super) async fn run(mut self, mut outgoing: Outgoing) -> Result<Response<Body>, Failed> {
        if !self.terms.may_go_on() {
            return Err(Silence::Deadline.into());
        }
        let mut allowed = Allowed::UnusedFirst;
        let mut chosen = self.first().await?;
        let spares = if self.pool.balance.len() > 1 { Spares::Always } else { Spares::OfUsedConnections };
        loop {
            let Chosen { endpoint, under_way } = chosen;
            let began_at = Instant::now();
            let began = self.pool.roster.at(began_at);
            self.count += 1;
            let attempted = endpoint.attempt(outgoing, allowed, spares, self.terms, under_way, began_at).await;
            allowed = Allowed::UnusedFirst;
            // What is tried again is, at the servers that there are by now.
            self.look_again();
            let again = match self.judge(attempted, &endpoint, began, began_at) {
                Next::Done(result) => {
                    self.note(&endpoint.server);
                    return result;
                }
                Next::SameEndpoint(again) => {
                    allowed = Allowed::NewOnly;
                    outgoing = *again;
                    chosen = Chosen { under_way: UnderWay::at(&endpoint.member), endpoint };
                    continue;
                }
                Next::OtherEndpoint(again) => again,
                Next::NewEndpoint(again, failed) => {
                    self.look_up().await;
                    if !self.has_other(&endpoint) {
                        self.note(&endpoint.server);
                        return Err(failed);
                    }
                    endpoint.server.counters.retried(failed.kind.into());
                    again
                }
            };
            outgoing = *again;
            self.asked.push(Arc::clone(&endpoint));
            let same = || Chosen { under_way: UnderWay::at(&endpoint.member), endpoint: Arc::clone(&endpoint) };
            chosen = self.pool.choose(&self.key, &self.asked).unwrap_or_else(same);
        }
    }

    async fn first(&mut self) -> Result<Chosen, Failed> {
        loop {
            if let Some(chosen) = self.pool.choose(&self.key, &[]) {
                return Ok(chosen);
            }
            // Servers that have gone are not asked, and others may have come.
            if self.look_again() == Change::None {
                break;
            }
        }
        if self.pool.balance.len() > 0 {
            return Err(NobodyLeft.into());
        }
        self.look_up().await;
        self.pool.choose(&self.key, &[]).ok_or_else(|| self.nobody())
    }

    /// No address is known.
    fn nobody(&self) -> Failed {
        let server = &self.pool.servers[0];
        let failed = Failed::from(ConnectError::Unknown { authority: Arc::clone(server.name()) });
        server.counters.finished(FetchResult::Failed(failed.kind.into()), self.terms.took());
        self.note(server);
        failed
    }

    async fn look_up(&mut self) {
        let look_up = self.pool.balance.look_up();
        match self.terms.deadline() {
            // What was not found by then is not found.
            Some(deadline) => drop(timeout_at(deadline, look_up).await),
            None => look_up.await,
        }
    }

    /// Writes down who was asked last.
    fn note(&self, server: &Server) {
        if let Some(note) = &self.terms.note {
            note.add(Exchanged { server: Arc::clone(server.name()), took: self.terms.took(), tries: self.count });
        }
    }

    /// Counts what became of a try, and says what comes next.
    fn judge(&mut self, attempted: Attempted, endpoint: &Endpoint, began: Duration, began_at: Instant) -> Next {
        let (counters, member) = (&endpoint.server.counters, &endpoint.member);
        let (cause, next) = match attempted {
            Attempted::Answered(response, spare) => {
                counters.finished(FetchResult::Answered, began_at.elapsed());
                if !is_unwilling(response.status()) {
                    member.answered(began);
                    return Next::Done(Ok(response));
                }
                member.failed("it answers with 502, 503 or 504");
                (Reason::UpstreamErrorStatus, self.after_unwilling(response, spare, endpoint))
            }
            Attempted::Failed(failed, again) => {
                counters.finished(FetchResult::Failed(failed.kind.into()), began_at.elapsed());
                match (failed.kind, &again) {
                    (OriginErrorKind::Connect, _) => {
                        member.failed("it takes no connections");
                        self.pool.balance.doubt();
                    }
                    (OriginErrorKind::Invalid, Again::OtherServer(_)) => member.failed("it does not speak HTTP/2"),
                    (OriginErrorKind::Certificate | OriginErrorKind::Tls | OriginErrorKind::TlsAlert, _) => {
                        member.failed("no TLS connection to it can be made");
                    }
                    // A deadline that other endpoints have used up says nothing of this one.
                    (OriginErrorKind::Timeout, _) if self.count == 1 || self.terms.may_go_on() => {
                        member.failed("it does not answer in time");
                    }
                    // What was closed while it waited is no failure.
                    (OriginErrorKind::Closed, Again::NewConnection(_)) => {}
                    (OriginErrorKind::Closed, _) => member.failed("it closes connections without an answer"),
                    _ => {}
                }
                (failed.kind.into(), self.after_failure(failed, again, endpoint))
            }
        };
        if matches!(next, Next::SameEndpoint(_) | Next::OtherEndpoint(_)) {
            counters.retried(cause);
        }
        next
    }

    /// 502, 503 and 504 of one server are not the answer as long as another may have one.
    fn after_unwilling(&mut self, response: Response<Body>, spare: Option<Box<Spare>>, endpoint: &Endpoint) -> Next {
        let spare = spare.filter(|spare| spare.is_safe() && spare.is_head_only());
        match spare.filter(|_| self.has_other(endpoint) && self.may_try_again()).and_then(Spare::into_outgoing) {
            Some(outgoing) => {
                self.unwilling = Some(response);
                Next::OtherEndpoint(Box::new(outgoing))
            }
            None => Next::Done(Ok(response)),
        }
    }

    fn after_failure(&mut self, failed: Failed, again: Again, endpoint: &Endpoint) -> Next {
        match again {
            Again::NewConnection(outgoing) if self.terms.may_go_on() => Next::SameEndpoint(outgoing),
            Again::OtherServer(outgoing) if self.has_other(endpoint) && self.terms.may_go_on() => {
                Next::OtherEndpoint(outgoing)
            }
            Again::OtherServer(outgoing)
                if self.unwilling.is_none() && self.terms.may_go_on() && self.pool.balance.has_names() =>
            {
                Next::NewEndpoint(outgoing, failed)
            }
            Again::Elsewhere(outgoing) if self.has_other(endpoint) && self.may_try_again() => {
                Next::OtherEndpoint(outgoing)
            }
            _ => Next::Done(self.unwilling.take().ok_or(failed)),
        }
    }

    fn has_other(&self, endpoint: &Endpoint) -> bool {
        self.pool.has_other(&self.asked, endpoint)
    }

    /// Whether another server may be sent what this one may have received. Where that is so, it counts.
    fn may_try_again(&mut self) -> bool {
        if self.left == 0 || !self.terms.may_go_on() || self.is_spent() {
            return false;
        }
        self.left -= 1;
        true
    }

    fn is_spent(&self) -> bool {
        self.pool.budget.take(self.pool.roster.now(), self.pool.options.retries) == Turn::Spent
    }
}

/// Whether a status says that this server can't answer now, and perhaps another can. A 500 says nothing of that: one
/// bad URL may bring it about anywhere.
fn is_unwilling(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
