//! The pool of upstream servers: connections, choice among servers, health, retries, timeouts.
//!
//! An [`UpstreamPool`] holds one [`server::Server`] for each configured one, and an [`endpoint::Endpoint`] for each
//! address of these, with its unused connections and its health. A [`session::Session`] sends one request. It
//! travels with the response's body. One of HTTP/1.1 comes back to the endpoint's list once the body has ended, and
//! closes when it is dropped on the way; one of HTTP/2 is a place on a connection that others use at the same time.
//!
//! Locks: short mutexes per endpoint around its lists of connections, never held across an await.

mod checks;
mod client_side;
mod content_length;
mod families;
mod keeping;
mod recent;
mod replay;
mod server_url;
mod shared;
mod socket;
mod status_ranges;
mod tls_failure;
mod upload;

mod request_body;
mod terms;
mod tls;

mod options;
mod outgoing;
mod transport;

mod budget;
mod failure;
mod health;

mod framing;
mod member;
mod room;
pub(crate) mod stats;

mod choosing;
mod http1;
mod under_way;

mod http2;

mod received;
mod server;

mod open;
mod session;

mod connections;

mod connecting;
pub(crate) mod response_body;

mod response;

mod endpoint;

mod discovery;
mod probing;
mod trying;

mod balance;

mod pool;

mod draining;
mod maintenance;
mod overview;
mod tries;

mod upstream_pool;

mod pools;

pub(crate) mod metrics;

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
