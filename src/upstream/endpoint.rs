//! One endpoint of a server: its connections, its health, and one try to get an answer from it.

use super::connecting::Opening;
use super::connections::{Connection, Connections, Usage};
use super::failure::{Again, Attempted, ConnectError, Failed, Silence};
use super::member::{Arrival, Member};
use super::outgoing::{Exchange, Outgoing, Spare};
use super::request_body::RequestBody;
use super::response;
use super::roster::Roster;
use super::server::{Addresses, Server};
use super::session::Answer;
use super::terms::Terms;
use super::upload::{INTERIMS_MAX, Interims, Upload};
use crate::engine::origin::OriginErrorKind;
use http::HeaderValue;
use hyper::client::conn::TrySendError;
use rustls::pki_types::ServerName;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::{Instant, sleep_until};

/// Which connections a try may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    UnusedFirst,
    NewOnly,
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
        let connections = Arc::new(Connections::new(server.idle_timeout, server.idle_connections_max));
        let member = roster.join(&server.shared, addresses.first, arrival);
        Self { server: Arc::clone(server), addresses, connections, member }
    }

    /// Whether it is this server's, at these addresses.
    pub(super) fn is_at(&self, server: &Arc<Server>, addresses: &Addresses) -> bool {
        Arc::ptr_eq(&self.server, server) && self.addresses == *addresses
    }

    /// Tries once to get an answer.
    pub(super) async fn attempt(
        &self,
        mut outgoing: Outgoing,
        allowed: Allowed,
        spares: Spares,
        terms: &Terms,
    ) -> Attempted {
        let name = match self.name(terms.host.as_ref()) {
            Ok(name) => name,
            Err(error) => return Attempted::Failed(error.into(), Again::OtherServer(Box::new(outgoing))),
        };
        let unused = match allowed {
            Allowed::UnusedFirst => self.connections.take(outgoing.need(), name.as_ref()),
            Allowed::NewOnly => None,
        };
        let mut connection = match unused {
            Some(connection) => {
                self.server.counters.reused.fetch_add(1, Ordering::Relaxed);
                connection
            }
            None => match self.connect(name, terms).await {
                Ok(connection) => connection,
                Err(_) if !terms.may_go_on() => return Attempted::Failed(Silence::Deadline.into(), Again::Never),
                Err(error) => return Attempted::Failed(error.into(), Again::OtherServer(Box::new(outgoing))),
            },
        };
        let wants_spare = spares == Spares::Always || connection.usage != Usage::New;
        let spare = if wants_spare { outgoing.repeat() } else { None };
        outgoing.set_missing_host(&self.server.host);
        let (request, exchange) = outgoing.into_parts();
        let pending = connection.session.send(request);
        match head(pending, terms).await {
            Err(silence) => {
                let again = match spare {
                    Some(spare) if matches!(silence, Silence::Server(_)) && spare.is_safe() => Again::elsewhere(spare),
                    _ => Again::Never,
                };
                Attempted::Failed(silence.into(), again)
            }
            Ok(Err(error)) => {
                let attempted = self.unanswered(error, connection.usage, exchange, spare);
                match (attempted, connection.session.refusal.failure()) {
                    (Attempted::Failed(_, again), Some(refused)) => {
                        self.server.not_secured(&refused);
                        Attempted::Failed(refused.into(), again)
                    }
                    (attempted, _) => attempted,
                }
            }
            Ok(Ok(response)) => {
                self.server.secured();
                if let Usage::Used(waited) = connection.usage {
                    self.connections.keeping.carried(waited);
                }
                match response::accept(response, connection, &self.connections, &self.member, exchange, terms) {
                    Ok(response) => Attempted::Answered(response, spare),
                    Err(failed) => Attempted::Failed(failed, Again::Never),
                }
            }
        }
    }

    /// The name that the server must prove where it is asked by such a host; none without TLS.
    pub(super) fn name(&self, asked_by: Option<&HeaderValue>) -> Result<Option<ServerName<'static>>, ConnectError> {
        let Some(tls) = &self.server.tls else { return Ok(None) };
        let name = tls.name(asked_by, self.server.host_name());
        name.map(Some).map_err(|cause| ConnectError::Tls { authority: Arc::clone(self.server.name()), cause })
    }

    async fn connect(&self, name: Option<ServerName<'static>>, terms: &Terms) -> Result<Connection, ConnectError> {
        let by = Instant::now() + self.server.connect_timeout;
        let by = terms.deadline().map_or(by, |deadline| by.min(deadline));
        let transport = self.opening().open(name.clone(), by).await?;
        let counters = &self.server.counters;
        counters.opened.fetch_add(1, Ordering::Relaxed);
        let opened = self.server.sessions.open(transport).await;
        let (session, driver) =
            opened.map_err(|cause| ConnectError::Broken { authority: Arc::clone(self.server.name()), cause })?;
        counters.open.fetch_add(1, Ordering::Relaxed);
        let (server, connections) = (Arc::clone(&self.server), Arc::downgrade(&self.connections));
        tokio::spawn(async move {
            // Whoever waits on the connection hears of its end; this is for those who look for the pattern.
            if let Err(error) = driver.await {
                tracing::debug!(server = %server.name(), %error, "an upstream connection ended early");
            }
            if let Some(connections) = connections.upgrade() {
                connections.forget_closed();
            }
            server.counters.open.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(Connection::new(session, name))
    }

    pub(super) fn opening(&self) -> Opening<'_> {
        Opening { server: &self.server, addresses: &self.addresses }
    }

    /// Opens a connection only to see whether that works.
    pub(super) async fn probe(&self) -> Result<(), ConnectError> {
        let name = self.name(self.server.asked_by.as_ref())?;
        self.opening().open(name, Instant::now() + self.server.connect_timeout).await.map(drop)
    }

    /// Judges an exchange that brought no response. `spare` is the request again, where it may be repeated.
    fn unanswered(
        &self,
        mut error: TrySendError<http::Request<RequestBody>>,
        usage: Usage,
        exchange: Exchange,
        spare: Option<Box<Spare>>,
    ) -> Attempted {
        if let Usage::Used(waited) = usage {
            self.connections.keeping.closed(waited, Instant::now());
        }
        if let Some(request) = error.take_message() {
            // Nothing of it was sent: any method may be tried again, body and all.
            let outgoing = Box::new(Outgoing::from_parts(request, exchange));
            let failed = Failed { kind: OriginErrorKind::Closed, cause: Box::new(error.into_error()) };
            let again = match usage {
                Usage::Used(_) => Again::NewConnection(outgoing),
                Usage::New => Again::OtherServer(outgoing),
            };
            return Attempted::Failed(failed, again);
        }
        let failed = Failed::exchange(error.into_error());
        let again = match (spare, usage) {
            (Some(spare), Usage::Used(_)) if failed.kind == OriginErrorKind::Closed => {
                spare.into_outgoing().map_or(Again::Never, |outgoing| Again::NewConnection(Box::new(outgoing)))
            }
            (Some(spare), Usage::New) if failed.kind == OriginErrorKind::Closed => Again::elsewhere(spare),
            _ => Again::Never,
        };
        Attempted::Failed(failed, again)
    }
}

/// Waits for a response's head as long as something moves: the request's body, or interim responses.
async fn head(pending: impl Future<Output = Answer>, terms: &Terms) -> Result<Answer, Silence> {
    let (read_timeout, upload) = (terms.read_timeout, terms.upload.as_deref());
    let began = Instant::now();
    let mut pending = pin!(pending);
    let mut alarm = pin!(sleep_until(began));
    loop {
        let quiet_since = upload.map_or(began, |upload| upload.progressed_at().max(began));
        let silent_at = quiet_since + read_timeout;
        let deadline = terms.deadline();
        alarm.as_mut().reset(deadline.map_or(silent_at, |deadline| deadline.min(silent_at)));
        tokio::select! {
            biased;
            answer = &mut pending => return Ok(answer),
            () = news(upload) => {
                if upload.is_some_and(|upload| upload.interims() == Interims::TooMany) {
                    return Err(Silence::Interims(INTERIMS_MAX));
                }
                continue;
            }
            () = &mut alarm => {}
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Silence::Deadline);
        }
        let moved = upload.is_some_and(|upload| upload.progressed_at() > quiet_since);
        match upload {
            _ if moved => {}
            Some(upload) if upload.waits_for_client() => return Err(Silence::Client(read_timeout)),
            _ => return Err(Silence::Server(read_timeout)),
        }
    }
}

/// Waits for what an upload has to tell.
async fn news(upload: Option<&Upload>) {
    match upload {
        Some(upload) => upload.news().await,
        None => std::future::pending().await,
    }
}
