//! One upstream server: its connections, its health, its counters, and one try to get an answer from it.

use super::connections::{Connection, Connections, Usage};
use super::failure::{Again, Attempted, ConnectError, Failed, Silence};
use super::options::{Address, UpstreamOptions};
use super::outgoing::{Exchange, Outgoing, Spare};
use super::request_body::RequestBody;
use super::response;
use super::roster::Roster;
use super::socket::Socket;
use super::stats::{Counters, ServerStats};
use super::terms::Terms;
use super::upload::{INTERIMS_MAX, Interims, Upload};
use crate::semantics::reason::Reason;
use http::HeaderValue;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

type Answer = Result<http::Response<Incoming>, TrySendError<http::Request<RequestBody>>>;

/// What hyper reads from a connection into, at the least: its own default.
const BUFFER_BYTES: usize = 8192 + 4096 * 100;

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

pub(super) struct Server {
    address: Address,
    host: HeaderValue,
    pub(super) connections: Connections,
    pub(super) counters: Counters,
    roster: Arc<Roster>,
    /// Its place in the roster.
    index: usize,
    connect_timeout: Duration,
    http1: http1::Builder,
}

impl Server {
    pub(super) fn new(address: Address, index: usize, roster: &Arc<Roster>, options: &UpstreamOptions) -> Self {
        // An authority that was part of a URI is a valid field value.
        let host = HeaderValue::from_str(&address.authority).unwrap_or(HeaderValue::from_static(""));
        let mut http1 = http1::Builder::new();
        http1
            .max_headers(options.response_fields_max)
            .max_header_size(options.response_head_bytes_max)
            // A head must fit the buffer whole, or its size would not be known.
            .max_buf_size(BUFFER_BYTES.max(options.response_head_bytes_max.saturating_mul(2)))
            // RFC 9112 section 5.1 and 5.2 have a proxy remove such spaces and unfold such lines.
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true);
        Self {
            address,
            host,
            connections: Connections::new(options.idle_timeout, options.idle_connections_max),
            counters: Counters::default(),
            roster: Arc::clone(roster),
            index,
            connect_timeout: options.connect_timeout,
            http1,
        }
    }

    /// `host:port`
    pub(super) const fn name(&self) -> &Arc<str> {
        &self.address.authority
    }

    pub(super) fn stats(&self) -> ServerStats {
        let idle = self.connections.idle();
        ServerStats {
            server: self.address.authority.to_string(),
            results: self.counters.results(),
            retries: self.counters.retries(),
            durations: self.counters.durations(),
            connections_reused: self.counters.reused.load(Ordering::Relaxed),
            connections_opened: self.counters.opened.load(Ordering::Relaxed),
            connections_active: self.counters.open.load(Ordering::Relaxed).saturating_sub(idle),
            connections_idle: idle,
            state: self.roster.state(self.index),
        }
    }

    /// It broke an answer off.
    pub(super) fn broke_off(&self) {
        self.roster.failed(self.index, "it broke an answer off");
    }

    /// Tries once to get an answer.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        mut outgoing: Outgoing,
        allowed: Allowed,
        spares: Spares,
        terms: &Terms,
    ) -> Attempted {
        let unused = if allowed == Allowed::UnusedFirst { self.connections.take(outgoing.need()) } else { None };
        let mut connection = match unused {
            Some(connection) => {
                self.counters.reused.fetch_add(1, Ordering::Relaxed);
                connection
            }
            None => match self.connect(terms).await {
                Ok(connection) => connection,
                Err(_) if !terms.may_go_on() => return Attempted::Failed(Silence::Deadline.into(), Again::Never),
                Err(error) => return Attempted::Failed(error.into(), Again::OtherServer(Box::new(outgoing))),
            },
        };
        let wants_spare = spares == Spares::Always || connection.usage != Usage::New;
        let spare = if wants_spare { outgoing.repeat() } else { None };
        outgoing.set_missing_host(&self.host);
        let (request, exchange) = outgoing.into_parts();
        let pending = connection.sender.try_send_request(request);
        match head(pending, terms).await {
            Err(silence) => {
                let again = match spare {
                    Some(spare) if matches!(silence, Silence::Server(_)) && spare.is_safe() => Again::elsewhere(spare),
                    _ => Again::Never,
                };
                Attempted::Failed(silence.into(), again)
            }
            Ok(Err(error)) => self.unanswered(error, connection.usage, exchange, spare),
            Ok(Ok(response)) => {
                if let Usage::Used(waited) = connection.usage {
                    self.connections.keeping.carried(waited);
                }
                match response::accept(response, connection, self, exchange, terms) {
                    Ok(response) => Attempted::Answered(response, spare),
                    Err(failed) => Attempted::Failed(failed, Again::Never),
                }
            }
        }
    }

    async fn connect(self: &Arc<Self>, terms: &Terms) -> Result<Connection, ConnectError> {
        let authority = || Arc::clone(self.name());
        let by = Instant::now() + self.connect_timeout;
        let socket = self.open(terms.deadline().map_or(by, |deadline| by.min(deadline))).await?;
        self.counters.opened.fetch_add(1, Ordering::Relaxed);
        let glance = socket.glance();
        let (sender, connection) = self
            .http1
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|cause| ConnectError::Broken { authority: authority(), cause })?;
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        let server = Arc::downgrade(self);
        tokio::spawn(async move {
            let ended = connection.with_upgrades().await;
            let Some(server) = server.upgrade() else { return };
            // Whoever waits on the connection hears of its end; this is for those who look for the pattern.
            if let Err(error) = ended {
                tracing::debug!(server = %server.name(), %error, "an upstream connection ended early");
            }
            server.connections.forget_closed();
            server.counters.open.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(Connection::new(sender, glance))
    }

    async fn open(&self, by: Instant) -> Result<Socket, ConnectError> {
        let authority = || Arc::clone(self.name());
        timeout_at(by, TcpStream::connect((&*self.address.host, self.address.port)))
            .await
            .map_err(|_| ConnectError::TimedOut { authority: authority(), timeout: self.connect_timeout })?
            .and_then(Socket::new)
            .map_err(|cause| ConnectError::Refused { authority: authority(), cause })
    }

    /// Opens a connection only to see whether that works.
    pub(super) async fn probe(&self) -> Result<(), ConnectError> {
        self.open(Instant::now() + self.connect_timeout).await.map(drop)
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
            let failed = Failed { reason: Reason::UpstreamClosed, cause: Box::new(error.into_error()) };
            let again = match usage {
                Usage::Used(_) => Again::NewConnection(outgoing),
                Usage::New => Again::OtherServer(outgoing),
            };
            return Attempted::Failed(failed, again);
        }
        let failed = Failed::exchange(error.into_error());
        let again = match (spare, usage) {
            (Some(spare), Usage::Used(_)) if failed.reason == Reason::UpstreamClosed => {
                spare.into_outgoing().map_or(Again::Never, |outgoing| Again::NewConnection(Box::new(outgoing)))
            }
            (Some(spare), Usage::New) if failed.reason == Reason::UpstreamClosed => Again::elsewhere(spare),
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
