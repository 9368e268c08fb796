//! The data port: listeners, connections, limits, timeouts, interim responses, upgrades, shutdown.

use std::net::SocketAddr;
use std::time::Duration;

/// `[listen]`, `[limits]` and `[timeouts]`, resolved.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// `listen.http`
    pub http: SocketAddr,
    /// `limits.header_bytes`: of one request's whole head; more: 431.
    pub header_bytes_max: usize,
    /// `limits.headers`: field lines of one request; more: 431.
    pub headers_max: usize,
    /// `limits.uri_bytes`: of the request target; more: 414.
    pub uri_bytes_max: usize,
    /// `limits.connections`: at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// `timeouts.header_read`: from the first byte of a head to its last.
    pub header_read_timeout: Duration,
    /// `timeouts.idle`: between two requests on a connection.
    pub idle_timeout: Duration,
    /// `timeouts.drain`: how long requests under way may take once asked to stop.
    pub drain_timeout: Duration,
}
