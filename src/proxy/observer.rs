//! What became of each request, reported to whoever logs and counts.

use super::refusal::Refusal;
use super::request_id::RequestId;
use crate::engine::exchange::Exchanged;
use crate::engine::fast_path::PlainHeaders;
use crate::engine::origin::BodyError;
use crate::engine::outcome::Decision;
use crate::engine::traced::Traced;
use crate::semantics::reason::labelled;
use crate::semantics::trust::{Peer, Way};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Notified of each request once it is over, and of each connection. Called on the connection's task: it must not wait.
pub trait Observer: Send + Sync + 'static {
    /// A request has begun. Whoever traces it says so: what it is asked for takes part in the trace.
    fn begun(&self, begun: &Begun<'_>) -> Option<Arc<Traced>> {
        let _ = begun;
        None
    }

    /// A request is over.
    fn finished(&self, finished: &Finished);

    /// A request is over that a plain hit answered. By default reported as any other.
    fn plain_hit(&self, hit: &PlainHit<'_>) {
        self.finished(&hit.finished());
    }

    /// A connection was opened.
    fn opened(&self, client: SocketAddr) {
        let _ = client;
    }

    /// A connection was closed.
    fn closed(&self, closed: &Closed) {
        let _ = closed;
    }

    /// A TLS handshake is over.
    fn handshake(&self, result: HandshakeResult) {
        let _ = result;
    }

    /// A new connection has to wait: `limits.connections` is reached, and none is idle.
    fn full(&self) {}
}

labelled! {
    /// What a handshake came to.
    HandshakeResult {
        Full "full" "The handshake is complete; over QUIC whether it resumes a session or not.",
        Resumed "resumed" "The client has resumed an earlier session.",
        Failed "failed" "The two sides could not agree, or one did not believe the other.",
        PlainHttp "plain-http" "The client spoke HTTP in clear text.",
        TimedOut "timed-out" "The client took too long.",
        Displaced "displaced" "Its place was needed for another one.",
        ClientGone "client-gone" "The client left.",
    }
}

impl std::fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// The observers, shared by all connections.
pub type Observers = Arc<[Arc<dyn Observer>]>;

/// How the message to the client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// All of it was handed to the connection.
    Complete,
    /// The client left, or stopped reading, before the end.
    ClientGone,
    /// The body failed before its end, so the client got a truncated message.
    Truncated,
    /// Larder cut the client off: bodies under way had reached `in_flight_bytes`, and it was furthest behind.
    CutOff,
}

impl Ending {
    /// Every ending.
    pub(crate) const ALL: [Self; 4] = [Self::Complete, Self::ClientGone, Self::Truncated, Self::CutOff];

    /// The stable label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client-gone",
            Self::Truncated => "truncated",
            Self::CutOff => "cut-off",
        }
    }
}

/// One request that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// What names it.
    pub request_id: &'a RequestId,
    /// Its headers as they came.
    pub headers: &'a HeaderMap,
    /// Whether its sender is believed.
    pub sender: Peer,
    /// When its head was there.
    pub at: Instant,
}

/// One request that a plain hit answered, seen without what only a log would keep.
#[derive(Debug, Clone, Copy)]
pub struct PlainHit<'a> {
    /// The client, and where the connection comes from.
    pub sender: Sender<'a>,
    /// What names the request.
    pub request_id: &'a RequestId,
    /// Its target as sent.
    pub target: PlainTarget<'a>,
    /// Its headers.
    pub headers: &'a PlainHeaders,
    /// The status of the answer.
    pub status: StatusCode,
    /// How it was decided.
    pub decision: &'a Decision,
    /// The Age of the answer in seconds.
    pub age_secs: u64,
    /// Bytes of the response's body.
    pub body_bytes: u64,
    /// From the request's head to the end of the answer.
    pub duration: Duration,
    /// When that was.
    pub ended: Instant,
    /// How the answer ended.
    pub ending: Ending,
}

impl PlainHit<'_> {
    /// The same as any other request.
    #[must_use]
    pub fn finished(&self) -> Finished {
        Finished {
            request_id: self.request_id.clone(),
            client: self.sender.way.client,
            peer: self.sender.peer,
            said_id: self.sender.way.said_id.clone(),
            said_trace: self.headers.trace_line().cloned(),
            user_agent: self.headers.user_agent().cloned(),
            method: Method::GET,
            target: self.target.to_uri(),
            host: self.headers.host().cloned(),
            version: self.headers.version(),
            status: Some(self.status),
            decision: Some(self.decision.clone()),
            refused: None,
            cause: None,
            age_secs: Some(self.age_secs),
            upstream_id: None,
            exchanged: None,
            traced: None,
            body_bytes: self.body_bytes,
            duration: self.duration,
            ended: self.ended,
            ending: self.ending,
        }
    }
}

/// The target of a request that a plain hit answered.
#[derive(Debug, Clone, Copy)]
pub enum PlainTarget<'a> {
    /// Path and query, as HTTP/1 has them.
    PathAndQuery(&'a [u8]),
    /// With the authority, as HTTP/2 has it.
    Whole(&'a Uri),
}

impl<'a> PlainTarget<'a> {
    /// Path and query.
    #[must_use]
    pub fn path_and_query(&self) -> &'a [u8] {
        match self {
            Self::PathAndQuery(target) => target,
            Self::Whole(uri) => uri.path_and_query().map_or(b"", |target| target.as_str().as_bytes()),
        }
    }

    /// The authority, where it is in the target.
    #[must_use]
    pub fn authority(&self) -> Option<&'a str> {
        match self {
            Self::PathAndQuery(_) => None,
            Self::Whole(uri) => uri.authority().map(Authority::as_str),
        }
    }

    fn to_uri(self) -> Uri {
        match self {
            Self::PathAndQuery(target) => Uri::try_from(target).unwrap_or_default(),
            Self::Whole(uri) => uri.clone(),
        }
    }
}

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// Which way the request came before that.
    pub way: &'a Way,
}

/// One request that is over.
#[derive(Debug)]
pub struct Finished {
    /// The request's id: that of a trusted proxy, else one made here.
    pub request_id: RequestId,
    /// The client's address, behind trusted proxies.
    pub client: IpAddr,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// The id that the sender gave the request, believed or not.
    pub said_id: Option<HeaderValue>,
    /// The `traceparent` that the sender gave the request, believed or not, where it is valid.
    pub said_trace: Option<HeaderValue>,
    /// The User-Agent field.
    pub user_agent: Option<HeaderValue>,
    /// The method; GET for a refused request, whose method nobody read.
    pub method: Method,
    /// The target as the client sent it.
    pub target: Uri,
    /// The Host field.
    pub host: Option<HeaderValue>,
    /// The client's version.
    pub version: Version,
    /// The status of the answer; `None` if the client left before there was one.
    pub status: Option<StatusCode>,
    /// How it was decided; `None` if it was refused or the client left.
    pub decision: Option<Decision>,
    /// Why it was refused, with the start of its first line.
    pub refused: Option<(Refusal, Box<str>)>,
    /// What lies beneath a failure of Larder's own.
    pub cause: Option<BodyError>,
    /// The Age of the answer in seconds, where it has one.
    pub age_secs: Option<u64>,
    /// The id that the origin's answer gave the request.
    pub upstream_id: Option<HeaderValue>,
    /// The origin's part; `None` if nobody was asked for this request.
    pub exchanged: Option<Exchanged>,
    /// As what it is traced, if it is.
    pub traced: Option<Arc<Traced>>,
    /// Bytes of the response's body, without its framing.
    pub body_bytes: u64,
    /// From the request's head to the end of the answer.
    pub duration: Duration,
    /// When that was.
    pub ended: Instant,
    /// How the answer ended.
    pub ending: Ending,
}

/// One connection that is over.
#[derive(Debug, Clone, Copy)]
pub struct Closed {
    /// Where it came from.
    pub client: SocketAddr,
    /// Bytes read from it.
    pub bytes_read: u64,
    /// Bytes written to it.
    pub bytes_written: u64,
    /// Requests that it carried.
    pub requests: u64,
    /// Who wanted its end.
    pub why: WhyClosed,
}

/// Who wanted a connection's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyClosed {
    /// The client, a time-out or the server's end.
    Ordinary,
    /// It was idle, and its place was wanted for a new connection.
    Room,
}

/// An error and what lies beneath it, on one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
