//! One endpoint of a server: its connections, its health, and one try to get an answer from it.

use super::connecting::{Opening, Purpose};
use super::connections::{Connection, Connections, Usage};
use super::failure::{Again, Answer, Attempted, ConnectError, Fate, Silence, Unanswered};
use super::member::{Arrival, Member, Roster};
use super::outgoing::{Need, Outgoing, Refusals, Spare, Speaks};
use super::received::Received;
use super::response;
use super::server::{Addresses, Server};
use super::session::Session;
use super::terms::TryTerms;
use super::tls::Offer;
use super::under_way::UnderWay;
use super::upload::{INTERIMS_MAX, Interims};
use crate::alarm::Alarm;
use crate::engine::origin::OriginErrorKind;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use tokio::time::Instant;

/// Which connections a try may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    UnusedFirst,
    NewOnly,
}

/// Which connections fit a request.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    need: Need,
    speaks: Speaks,
    allowed: Allowed,
    /// Of those that are shared, such as were opened after this.
    opened_after: Option<Instant>,
    now: Instant,
}

/// What a try is to leave behind for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spares {
    /// The request again, where it meets a connection that is just being closed.
    OfUsedConnections,
    /// The request again whatever happens to it.
    Always,
}

/// Where one server is reached.
pub(super) struct Endpoint {
    pub(super) server: Arc<Server>,
    addresses: Addresses,
    pub(super) connections: Arc<Connections>,
    pub(super) member: Arc<Member>,
}

impl Endpoint {
    pub(super) fn new(server: &Arc<Server>, addresses: Addresses, roster: &Arc<Roster>, arrival: Arrival) -> Self {
        let connections = Connections::new(server.idle_timeout, server.idle_connections_max);
        let member = roster.join(&server.shared, addresses.known_by(), arrival);
        Self { server: Arc::clone(server), addresses, connections, member }
    }

    /// Whether it is this server's, at these addresses.
    pub(super) fn is_at(&self, server: &Server, addresses: &Addresses) -> bool {
        self.server.is(server) && self.addresses == *addresses
    }

    /// Whether it is the same endpoint as another, perhaps by other options.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.member, &other.member)
    }

    /// The same endpoint of its server as that is now: what is known of it goes on, and so do its connections where the options
    /// of `server` would have them opened alike.
    pub(super) fn of(self: &Arc<Self>, server: &Arc<Server>) -> Arc<Self> {
        if Arc::ptr_eq(&self.server, server) {
            return Arc::clone(self);
        }
        let connections = if server.connects_as(&self.server) {
            Arc::clone(&self.connections)
        } else {
            Connections::new(server.idle_timeout, server.idle_connections_max)
        };
        let (addresses, member) = (self.addresses.clone(), Arc::clone(&self.member));
        Arc::new(Self { server: Arc::clone(server), addresses, connections, member })
    }

    /// Tries once to get an answer.
    pub(super) async fn attempt(
        &self,
        mut outgoing: Outgoing,
        allowed: Allowed,
        spares: Spares,
        terms: &TryTerms,
        under_way: UnderWay,
        now: Instant,
    ) -> Attempted {
        let name = match self.server.proves(terms.host.as_ref()) {
            Ok(name) => name,
            Err(error) => return Attempted::Failed(error.into(), Again::OtherServer(Box::new(outgoing))),
        };
        let before = outgoing.tried(now);
        let opened_after = before.filter(|_| allowed == Allowed::NewOnly && !outgoing.is_refused());
        let wanted = Wanted { need: outgoing.need(), speaks: outgoing.speaks(), allowed, opened_after, now };
        let mut connection = match self.connection(wanted, name, terms).await {
            Ok(connection) => connection,
            Err(_) if !terms.may_go_on() => return Attempted::Failed(Silence::Deadline.into(), Again::Never),
            Err(error) => return Attempted::Failed(error.into(), Again::OtherServer(Box::new(outgoing))),
        };
        let keeps = match &connection.session {
            // The server may say that it has not processed it.
            Session::Http2(_) => true,
            Session::Http1(_) => {
                outgoing.is_repeatable() && (spares == Spares::Always || connection.usage != Usage::New)
            }
        };
        outgoing.set_missing_host(&self.server.host);
        let (spare, body) = outgoing.split();
        let Connection { session, alarm, .. } = &mut connection;
        let answer = head(session.send(&spare.head, body, spare.hearing(), terms.fields), terms, alarm).await;
        let (usage, is_http1) = (connection.usage, matches!(connection.session, Session::Http1(_)));
        match answer {
            Err(silence) => silent(silence, &connection.session, Some(spare).filter(|_| keeps)),
            Ok(Err(unanswered)) => {
                if let (true, Usage::Used(waited)) = (is_http1, usage) {
                    self.connections.keeping.closed(waited, Instant::now());
                }
                let attempted = judged(unanswered, usage, spare, keeps);
                match (attempted, connection.session.refused()) {
                    (Attempted::Failed(_, again), Some(refused)) => {
                        self.server.not_secured(&refused);
                        Attempted::Failed(refused.into(), again)
                    }
                    (attempted, _) => attempted,
                }
            }
            Ok(Ok(response)) => {
                self.server.secured();
                if let (true, Usage::Used(waited)) = (is_http1, usage) {
                    self.connections.keeping.carried(waited);
                }
                match response::accept(response, connection, &self.connections, under_way, &spare.exchange, terms) {
                    Ok(response) => Attempted::Answered(response, Some(spare).filter(|_| keeps)),
                    Err(failed) => Attempted::Failed(failed, Again::Never),
                }
            }
        }
    }

    async fn connection(
        &self,
        wanted: Wanted,
        name: Option<ServerName<'static>>,
        terms: &TryTerms,
    ) -> Result<Connection, ConnectError> {
        let Wanted { need, speaks, allowed, opened_after, now } = wanted;
        let place = || self.connections.place(name.as_ref(), opened_after);
        let shared = if speaks == Speaks::Any { place() } else { None };
        let unused = || {
            let is_allowed = allowed == Allowed::UnusedFirst;
            is_allowed.then(|| self.connections.take(need, name.as_ref(), now)).flatten()
        };
        if let Some(connection) = shared.or_else(unused) {
            self.server.counters.reused.fetch_add(1, Ordering::Relaxed);
            return Ok(connection);
        }
        let by = now + self.server.connect_timeout;
        let by = terms.deadline().map_or(by, |deadline| by.min(deadline));
        self.opening(name, by).connection(speaks, opened_after).await
    }

    /// The way to open a connection that is not for requests.
    pub(super) fn trial<'a>(
        &'a self,
        connections: &'a Arc<Connections>,
        name: Option<ServerName<'static>>,
        by: Instant,
    ) -> Opening<'a> {
        Opening { connections, purpose: Purpose::Trial, ..self.opening(name, by) }
    }

    fn opening(&self, name: Option<ServerName<'static>>, by: Instant) -> Opening<'_> {
        let (server, addresses, connections) = (&self.server, &self.addresses, &self.connections);
        Opening { server, addresses, connections, name, by, purpose: Purpose::Requests }
    }

    /// Opens a connection only to see whether that works.
    pub(super) async fn probe(&self) -> Result<(), ConnectError> {
        let name = self.server.proves(self.server.asked_by.as_ref())?;
        let opening = self.opening(name, Instant::now() + self.server.connect_timeout);
        opening.transport(Offer::Both).await.map(drop)
    }
}

/// Judges an exchange that brought no response. `keeps` says whether what is left of the request may be sent again.
fn judged(unanswered: Unanswered, usage: Usage, spare: Box<Spare>, keeps: bool) -> Attempted {
    let Unanswered { failed, fate } = unanswered;
    if let Fate::Unsent(body) = fate {
        // Nothing of it was sent: any method may be tried again, body and all. The spare must not be asked for its body, which
        // would end this one's.
        return Attempted::Failed(failed, of_unsent(Box::new(spare.with_body(*body)), usage));
    }
    let kept = Some(spare).filter(|_| keeps);
    let kept = kept.and_then(|spare| Some((spare.is_repeatable(), Box::new(spare.into_outgoing()?))));
    let is_harmless = failed.kind == OriginErrorKind::Closed && kept.as_ref().is_some_and(|(harmless, _)| *harmless);
    let again = match (fate, kept) {
        (Fate::Unprocessed, Some((_, outgoing))) => of_unsent(outgoing, usage),
        // Once more there, in case it only had more at once than it wants; then that is its answer.
        (Fate::Refused, Some((_, mut outgoing))) => match outgoing.was_refused() {
            Refusals::First => Again::NewConnection(outgoing),
            Refusals::More => Again::OtherServer(outgoing),
        },
        (Fate::Unknown, Some((_, outgoing))) if is_harmless && usage != Usage::New => Again::NewConnection(outgoing),
        (Fate::Unknown | Fate::Reset, Some((_, outgoing))) if is_harmless => Again::Elsewhere(outgoing),
        _ => Again::Never,
    };
    Attempted::Failed(failed, again)
}

fn of_unsent(outgoing: Box<Outgoing>, usage: Usage) -> Again {
    match usage {
        Usage::Used(_) => Again::NewConnection(outgoing),
        Usage::New => Again::OtherServer(outgoing),
    }
}

/// Waits for a response's head as long as something moves: the request's body, or interim responses.
async fn head(
    pending: impl Future<Output = Answer<Received>>,
    terms: &TryTerms,
    alarm: &mut Alarm,
) -> Result<Answer<Received>, Silence> {
    let began = Instant::now();
    let (read_timeout, upload) = (terms.read_timeout, terms.upload.as_deref());
    let mut pending = pin!(pending);
    poll_fn(|context| {
        if let Poll::Ready(answer) = pending.as_mut().poll(context) {
            return Poll::Ready(Ok(answer));
        }
        if let Some(upload) = upload {
            upload.wait_for_news(context.waker());
            if upload.interims() == Interims::TooMany {
                return Poll::Ready(Err(Silence::Interims(INTERIMS_MAX)));
            }
        }
        let silent_at = upload.map_or(began, |upload| upload.progressed_at().max(began)) + read_timeout;
        let deadline = terms.deadline().filter(|deadline| *deadline <= silent_at);
        ready!(alarm.poll(context, deadline.unwrap_or(silent_at)));
        Poll::Ready(Err(match upload {
            _ if deadline.is_some() => Silence::Deadline,
            Some(upload) if upload.waits_for_client() => Silence::Client(read_timeout),
            _ => Silence::Server(read_timeout),
        }))
    })
    .await
}

/// No head came in time.
fn silent(silence: Silence, session: &Session, spare: Option<Box<Spare>>) -> Attempted {
    if let (Session::Http2(slot), Silence::Server(_)) = (session, &silence) {
        slot.was_silent();
    }
    let spare = spare.filter(|spare| matches!(silence, Silence::Server(_)) && spare.is_safe());
    Attempted::Failed(silence.into(), spare.map_or(Again::Never, Again::elsewhere))
}

#[cfg(test)]
mod tests {
    use super::super::failure::Failed;
    use super::super::outgoing::Keeps;
    use super::*;
    use http::{Method, Request};
    use http_body_util::{BodyExt as _, Full};
    use std::time::Duration;

    /// A request over a connection that was closed before anything was written.
    async fn check_unsent(method: Method, usage: Usage) {
        let body = Full::from("body").map_err(|never| match never {}).boxed_unsync();
        let request = Request::builder().method(&method).uri("/").body(body).expect("it is valid");
        let outgoing = Outgoing::new(request, None, Keeps::All);
        let (spare, body) = outgoing.split();
        let failed = Failed { kind: OriginErrorKind::Closed, cause: "closed".into() };
        let unanswered = Unanswered { failed, fate: Fate::Unsent(Box::new(body)) };
        let Attempted::Failed(_, Again::NewConnection(again) | Again::OtherServer(again)) =
            judged(unanswered, usage, spare, true)
        else {
            panic!("{method} over {usage:?} is not tried again")
        };
        let body = again.split().1.collect().await.expect("the body is not given up").to_bytes();
        assert_eq!(body, "body", "{method} over {usage:?}");
    }

    #[tokio::test]
    async fn what_was_not_sent_is_sent_again_with_its_whole_body() {
        for method in [Method::PUT, Method::DELETE, Method::POST, Method::PATCH] {
            for usage in [Usage::New, Usage::Used(Duration::from_millis(3))] {
                check_unsent(method.clone(), usage).await;
            }
        }
    }
}
