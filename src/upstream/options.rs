//! The options of a pool.

use super::server_url::ServerUrl;
use super::status_ranges::StatusRanges;
use super::tls::TlsOptions;
use http::HeaderValue;
use http::uri::PathAndQuery;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// `[upstream]`, resolved, and what `[limits]` says of answers.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// `servers`, at least one.
    pub servers: Vec<ServerOptions>,
    /// `balance`
    pub balancing: Balancing,
    /// `upstream_host`: the Host that the servers are sent, and the name that they must prove over TLS; none: the client's,
    /// and that of their URL.
    pub host: Option<HeaderValue>,
    /// `protocol`
    pub protocol: Protocol,
    /// `tls`, for those of `https://`; none: the system's roots.
    pub tls: Option<TlsOptions>,
    /// `connect_timeout`: TLS included.
    pub connect_timeout: Duration,
    /// `read_timeout`: between two reads, the head included.
    pub read_timeout: Duration,
    /// `idle_timeout`: how long an unused connection is kept.
    pub idle_timeout: Duration,
    /// `idle_connections`: unused connections kept for each endpoint.
    pub idle_connections_max: usize,
    /// `eject`
    pub eject: EjectOptions,
    /// `health`: how endpoints are checked; none: by a connection, while they are out.
    pub health: Option<Arc<HealthOptions>>,
    /// `max_requests`: how many requests may be under way, connections that have changed to another protocol aside; none:
    /// as many as come.
    pub max_requests: Option<NonZeroUsize>,
    /// `slow_start`: how long the share of an endpoint grows that comes or comes back; zero: it takes all of it at once.
    pub slow_start: Duration,
    /// `resolve`: how long what was looked up of names is believed.
    pub resolve: Duration,
    /// `retries`
    pub retries: RetryOptions,
    /// `limits.upstream_headers`: field lines of one answer.
    pub response_fields_max: usize,
    /// `limits.upstream_header_bytes`: of one answer's whole head.
    pub response_head_bytes_max: usize,
}

/// One of `upstream.servers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// `url`
    pub url: ServerUrl,
    /// `weight`: its share of the requests, among those of the others. From 1.
    pub weight: u16,
}

impl From<ServerUrl> for ServerOptions {
    fn from(url: ServerUrl) -> Self {
        Self { url, weight: 1 }
    }
}

/// `upstream.balance`: who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancing {
    /// Whose turn it is.
    RoundRobin,
    /// Who has the fewest requests under way.
    LeastRequests,
    /// Whom the cache key names, as long as that one has no more than its share under way.
    Consistent,
}

/// `upstream.protocol`: what is spoken to the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Over TLS what they choose, in clear text HTTP/1.1.
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, in clear text with prior knowledge. Requests that ask to change to another protocol go by HTTP/1.1.
    Http2,
}

/// `upstream.eject`: when a server is taken out, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectOptions {
    /// `failures`: so many, in a row or no fewer than its other answers,
    pub failures: u32,
    /// `within`: so long, take a server out
    pub within: Duration,
    /// `for`: for so long.
    pub pause: Duration,
}

/// `upstream.health`: how endpoints are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthOptions {
    /// `path`, which is asked for by GET.
    pub path: PathAndQuery,
    /// `interval`: from the end of one check to the next, at most.
    pub interval: Duration,
    /// `timeout`: for connection and head together.
    pub timeout: Duration,
    /// `expect`: the statuses of a server that is well.
    pub expect: StatusRanges,
    /// `rise`: so many in a row bring one back that is down.
    pub rise: u32,
    /// `fall`: so many misses in a row take one out.
    pub fall: u32,
}

/// `upstream.retries`: how often a request is tried again that may have been received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryOptions {
    /// `attempts`: tries of one request after the first.
    pub attempts: u32,
    /// `budget`: the share of such tries among the requests of the last ten seconds.
    pub budget: f64,
}

impl UpstreamOptions {
    /// These servers, and everything else as it is where nothing is said.
    #[must_use]
    pub fn of(servers: Vec<ServerUrl>) -> Self {
        Self {
            servers: servers.into_iter().map(ServerOptions::from).collect(),
            balancing: Balancing::RoundRobin,
            host: None,
            protocol: Protocol::Auto,
            tls: None,
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(4),
            idle_connections_max: 1024,
            eject: EjectOptions { failures: 5, within: Duration::from_secs(10), pause: Duration::from_secs(10) },
            health: None,
            max_requests: None,
            slow_start: Duration::ZERO,
            resolve: Duration::from_secs(30),
            retries: RetryOptions { attempts: 2, budget: 0.2 },
            response_fields_max: 256,
            response_head_bytes_max: 256 * 1024,
        }
    }
}

/// There is nobody to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no upstream server\nhint: name at least one, such as `servers = [\"http://127.0.0.1:8000\"]`")]
pub struct NoServer;
