//! The pool of upstream servers: connections, choice among servers, health, retries, timeouts.
//!
//! An [`UpstreamPool`] holds one [`server::Server`] for each configured one, and an [`endpoint::Endpoint`] for each
//! address of these, with its unused connections and its health. A [`session::Session`] sends one request. It
//! travels with the response's body. One of HTTP/1.1 comes back to the endpoint's list once the body has ended, and
//! closes when it is dropped on the way; one of HTTP/2 is a place on a connection that others use at the same time.
//!
//! Locks: short mutexes per endpoint around its lists of connections, never held across an await.

mod balance;
mod budget;
mod checks;
mod choosing;
mod client_side;
mod connecting;
mod connections;
mod content_length;
mod discovery;
mod draining;
mod endpoint;
mod failure;
mod families;
mod framing;
mod health;
mod http1;
mod http2;
mod keeping;
mod maintenance;
mod member;
pub(crate) mod metrics;
mod open;
mod options;
mod outgoing;
mod overview;
mod pool;
mod pools;
mod probing;
mod received;
mod recent;
mod replay;
mod request_body;
mod response;
pub(crate) mod response_body;
mod room;
mod server;
mod server_url;
mod session;
mod shared;
mod socket;
pub(crate) mod stats;
mod status_ranges;
mod terms;
mod tls;
mod tls_failure;
mod transport;
mod tries;
mod trying;
mod under_way;
mod upload;
mod upstream_pool;

#[cfg(fuzzing)]
pub(crate) use http1::fuzzing;

pub use draining::{Drain, NotDrained};
pub(crate) use options::ServerOptions;
pub use options::{Balancing, EjectOptions, HealthOptions, Protocol, RetryOptions, UpstreamOptions};
pub(crate) use overview::{PoolOverview, ServerOverview};
pub use pools::Pools;
pub(crate) use server_url::ServerUrl;
pub(crate) use status_ranges::StatusRanges;
pub(crate) use tls::{TlsFiles, TlsOptions, server_name, system_roots};
pub use trying::{Tried, try_servers};
pub use upstream_pool::UpstreamPool;
