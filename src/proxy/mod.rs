//! The data port: listeners, connections, limits, timeouts, interim responses, upgrades, shutdown.
//!
//! [`serve`] accepts sockets. Each is one task ([`connection`]): its first bytes tell HTTP/1 from HTTP/2; hyper speaks
//! either over the socket's wrapper ([`wire`]), which guards what is read ([`guard`]), minds the time and writes interim responses
//! ([`interim`]). Above hyper, [`service`] gives each request to the engine's [`crate::engine::Handler`] and turns its
//! answer into a response, whose body ([`response_body`]) tells the observers ([`observer`]) how it ended. What the
//! parts of one connection must know of each other stands in its [`conversation`].
//!

pub mod access_log;
mod connection;
mod conversation;
mod end_signal;
pub mod entrance;
mod fast_path;
mod guard;
mod interim;
mod listener;
pub mod observer;
mod problem;
pub mod refusal;
mod request_body;
pub mod request_id;
mod response_body;
mod room;
mod server;
mod service;
mod stream;
mod upgrade;
mod wire;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use guard::fuzzing;
pub use listener::{Sharing, bind, serve};

use entrance::Entrance;
use std::net::SocketAddr;
use std::time::Duration;

/// `[listen]`, `[limits]` and `[timeouts]`, resolved.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// `listen.http`
    pub http: SocketAddr,
    /// `listen.trusted_proxies`, `forwarded`, `trust_host`, `scheme` and `default_host`.
    pub entrance: Entrance,
    /// `limits.header_bytes`: of one request's whole head; more: 431.
    pub header_bytes_max: usize,
    /// `limits.headers`: field lines of one request; more: 431.
    pub headers_max: usize,
    /// `limits.uri_bytes`: of the request target; more: 414.
    pub uri_bytes_max: usize,
    /// `limits.connections`: at once; for a new one the one that has been idle longest makes room.
    pub connections_max: usize,
    /// `timeouts.header_read`: from the first byte of a head to its last.
    pub header_read_timeout: Duration,
    /// `timeouts.idle`: between two requests on a connection.
    pub idle_timeout: Duration,
    /// `timeouts.drain_delay`: how long connections are still accepted once asked to stop.
    pub drain_delay: Duration,
    /// `timeouts.drain`: how long requests under way may take once asked to stop.
    pub drain_timeout: Duration,
    /// `timeouts.stall`: how long a client may neither send the next piece of its body nor read the next of a response.
    pub stall_timeout: Duration,
}
