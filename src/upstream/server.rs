//! One upstream server: its connections, its health, its counters, and one try to get an answer from it.

use super::failure::{Again, Attempted, ConnectError, Failed, Silence};
use super::health::Health;
use super::options::{Address, UpstreamOptions};
use super::outgoing::{Exchange, Outgoing};
use super::request_body::RequestBody;
use super::response;
use super::stats::{Counters, ServerStats};
use super::upload::Upload;
use crate::semantics::reason::Reason;
use http::HeaderValue;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Hands requests to one connection.
pub(super) type Sender = SendRequest<RequestBody>;

/// How many field lines an answer may have; more is no valid answer.
const RESPONSE_FIELDS_MAX: usize = 256;

type Answer = Result<http::Response<Incoming>, TrySendError<http::Request<RequestBody>>>;

/// Which connections a try may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connections {
    UnusedFirst,
    NewOnly,
}

/// A connection that waits to be used.
struct Unused {
    sender: Sender,
    since: Instant,
}

pub(super) struct Server {
    address: Address,
    host: HeaderValue,
    /// The one that was used last is at the back, and is used next: the others may grow old and be closed.
    unused: Mutex<VecDeque<Unused>>,
    pub(super) health: Health,
    pub(super) counters: Counters,
    connect_timeout: Duration,
    idle_timeout: Duration,
    idle_connections_max: usize,
}

impl Server {
    pub(super) fn new(address: Address, options: &UpstreamOptions) -> Self {
        // An authority that was part of a URI is a valid field value.
        let host = HeaderValue::from_str(&address.authority).unwrap_or(HeaderValue::from_static(""));
        Self {
            address,
            host,
            unused: Mutex::default(),
            health: Health::default(),
            counters: Counters::default(),
            connect_timeout: options.connect_timeout,
            idle_timeout: options.idle_timeout,
            idle_connections_max: options.idle_connections_max,
        }
    }

    pub(super) fn stats(&self) -> ServerStats {
        ServerStats {
            server: self.address.authority.to_string(),
            results: self.counters.results(),
            durations: self.counters.durations(),
            connections_reused: self.counters.reused.load(Ordering::Relaxed),
            connections_opened: self.counters.opened.load(Ordering::Relaxed),
            connections_idle: self.unused().len(),
            state: self.health.state(),
        }
    }

    /// Tries once to get an answer.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        mut outgoing: Outgoing,
        connections: Connections,
        read_timeout: Duration,
    ) -> Attempted {
        let unused = if connections == Connections::UnusedFirst { self.take_unused() } else { None };
        let mut spare = None;
        let mut sender = if let Some(sender) = unused {
            self.counters.reused.fetch_add(1, Ordering::Relaxed);
            spare = outgoing.repeat();
            sender
        } else {
            match self.connect().await {
                Ok(sender) => sender,
                Err(error) => return Attempted::Failed(error.into(), Again::OtherServer(Box::new(outgoing))),
            }
        };
        outgoing.set_missing_host(&self.host);
        let (request, exchange) = outgoing.into_parts();
        let pending = sender.try_send_request(request);
        match head(pending, exchange.upload.as_deref(), read_timeout).await {
            Err(silence) => Attempted::Failed(silence.into(), Again::Never),
            Ok(Err(error)) => unanswered(error, exchange, spare),
            Ok(Ok(response)) => match response::accept(response, sender, self, exchange, read_timeout) {
                Ok(response) => Attempted::Answered(response),
                Err(failed) => Attempted::Failed(failed, Again::Never),
            },
        }
    }

    async fn connect(&self) -> Result<Sender, ConnectError> {
        let authority = || self.address.authority.clone();
        let stream = self.open().await?;
        self.counters.opened.fetch_add(1, Ordering::Relaxed);
        let (sender, connection) = http1::Builder::new()
            .max_headers(RESPONSE_FIELDS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| ConnectError::Broken { authority: authority(), cause })?;
        let server = authority();
        tokio::spawn(async move {
            // Whoever waits on the connection hears of its end; this is for those who look for the pattern.
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%server, %error, "an upstream connection ended early");
            }
        });
        Ok(sender)
    }

    async fn open(&self) -> Result<TcpStream, ConnectError> {
        let authority = || self.address.authority.clone();
        let opening = TcpStream::connect((&*self.address.host, self.address.port));
        let stream = timeout(self.connect_timeout, opening)
            .await
            .map_err(|_| ConnectError::TimedOut { authority: authority(), timeout: self.connect_timeout })?
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|cause| ConnectError::Refused { authority: authority(), cause })?;
        self.health.succeeded();
        Ok(stream)
    }

    /// Opens a connection only to see whether that works.
    pub(super) async fn probe(&self) -> Result<(), ConnectError> {
        self.open().await.map(drop)
    }

    fn unused(&self) -> MutexGuard<'_, VecDeque<Unused>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_unused(&self) -> Option<Sender> {
        let mut closed = Vec::new();
        let mut unused = self.unused();
        let found = loop {
            let Some(last) = unused.pop_back() else { break None };
            if last.sender.is_ready() && last.since.elapsed() < self.idle_timeout {
                break Some(last.sender);
            }
            closed.push(last);
        };
        drop(unused);
        // Their tasks are woken by the drop, which need not happen under the lock.
        drop(closed);
        found
    }

    /// Keeps a connection that is ready for another request.
    pub(super) fn keep(&self, sender: Sender) {
        if self.idle_connections_max == 0 || sender.is_closed() {
            return;
        }
        let mut unused = self.unused();
        unused.push_back(Unused { sender, since: Instant::now() });
        let oldest = if unused.len() > self.idle_connections_max { unused.pop_front() } else { None };
        drop(unused);
        drop(oldest);
    }

    /// Closes the connections that have waited too long.
    pub(super) fn drop_expired(&self) {
        let mut unused = self.unused();
        let (expired, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut *unused)
            .into_iter()
            .partition(|unused| unused.sender.is_closed() || unused.since.elapsed() >= self.idle_timeout);
        *unused = kept;
        drop(unused);
        drop(expired);
    }
}

/// Waits for a response's head as long as something moves: the request's body, or interim responses.
async fn head(
    pending: impl Future<Output = Answer>,
    upload: Option<&Upload>,
    read_timeout: Duration,
) -> Result<Answer, Silence> {
    let mut pending = pin!(pending);
    let mut silence = pin!(sleep(read_timeout));
    loop {
        tokio::select! {
            biased;
            answer = &mut pending => return Ok(answer),
            () = &mut silence => {}
        }
        let Some(upload) = upload else { return Err(Silence::Server(read_timeout)) };
        let deadline = upload.progressed_at() + read_timeout;
        if deadline > Instant::now() {
            silence.as_mut().reset(deadline);
        } else if upload.waits_for_client() {
            return Err(Silence::Client(read_timeout));
        } else {
            return Err(Silence::Server(read_timeout));
        }
    }
}

/// Judges an exchange that brought no response. `spare` is the request again, where it may be repeated.
fn unanswered(
    mut error: TrySendError<http::Request<RequestBody>>,
    exchange: Exchange,
    spare: Option<Outgoing>,
) -> Attempted {
    if let Some(request) = error.take_message() {
        // Nothing of it was sent: any method may be tried again, body and all.
        let again = Again::NewConnection(Box::new(Outgoing::from_parts(request, exchange)));
        let failed = Failed { reason: Reason::UpstreamClosed, cause: Box::new(error.into_error()) };
        return Attempted::Failed(failed, again);
    }
    let failed = Failed::exchange(error.into_error());
    let again = match spare {
        Some(spare) if failed.reason == Reason::UpstreamClosed => Again::NewConnection(Box::new(spare)),
        _ => Again::Never,
    };
    Attempted::Failed(failed, again)
}
