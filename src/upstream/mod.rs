//! The pool of upstream servers: connections, choice among servers, health, retries, timeouts.

use std::time::Duration;

/// `[upstream]`, resolved.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// `servers`: `http://host:port`, at least one.
    pub servers: Vec<http::Uri>,
    /// `connect_timeout`
    pub connect_timeout: Duration,
    /// `read_timeout`: between two reads, the head included.
    pub read_timeout: Duration,
    /// `idle_timeout`: how long an unused connection is kept.
    pub idle_timeout: Duration,
    /// `connections_max`: idle connections kept per server.
    pub idle_connections_max: usize,
}
