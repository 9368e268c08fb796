//! The pool of upstream servers: connections, choice among servers, health, retries, timeouts.
//!
//! An [`UpstreamPool`] holds one [`server::Server`] for each configured one, and each of these its unused connections,
//! its health and its counters. A connection is hyper's: a task of its own drives the socket, a sender hands it one
//! request at a time. The sender travels with the response's body and comes back to the server's list once the body has
//! ended; dropped on the way, it closes the connection.
//!
//! Locks: one short mutex per server around its list of unused connections, never held across an await.

mod balance;
mod client_side;
mod failure;
mod health;
mod maintenance;
mod options;
mod outgoing;
mod request_body;
mod response;
pub mod response_body;
mod server;
pub mod stats;
mod upload;

pub use client_side::InterimListener;
pub use options::{UpstreamOptions, UpstreamOptionsError};

use crate::engine::origin::{Body, Origin, OriginError};
use balance::Balance;
use failure::{Again, Attempted, Failed};
use outgoing::Outgoing;
use server::{Connections, Server};
use stats::{FetchResult, ServerStats};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// How often a request is tried again, at most.
const RETRIES_MAX: usize = 2;

/// The upstream servers.
pub struct UpstreamPool {
    shared: Arc<Shared>,
}

struct Shared {
    options: UpstreamOptions,
    servers: Vec<Arc<Server>>,
    balance: Balance,
    /// Whether the maintenance task has been started.
    maintained: AtomicBool,
    began: Instant,
}

impl UpstreamPool {
    /// A pool of these servers, without connections so far.
    ///
    /// # Errors
    /// Where there is no server, or one is not `http://host` or `http://host:port`.
    pub fn new(options: UpstreamOptions) -> Result<Arc<Self>, UpstreamOptionsError> {
        let addresses = options.addresses()?;
        let servers: Vec<_> = addresses.into_iter().map(|address| Arc::new(Server::new(address, &options))).collect();
        let balance = Balance::new(servers.len());
        let shared = Shared { options, servers, balance, maintained: AtomicBool::new(false), began: Instant::now() };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }

    /// The counters of each server, in the order of the options.
    #[must_use]
    pub fn stats(&self) -> Vec<ServerStats> {
        self.shared.servers.iter().map(|server| server.stats()).collect()
    }
}

impl fmt::Debug for UpstreamPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamPool").field("servers", &self.shared.options.servers).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Origin for UpstreamPool {
    async fn fetch(&self, request: http::Request<Body>) -> Result<http::Response<Body>, OriginError> {
        maintenance::begin(&self.shared);
        self.shared.fetch(Outgoing::new(request)).await.map_err(Failed::into_error)
    }
}

impl Shared {
    /// Tries until there is an answer, or no further try is allowed: RFC 9110 section 9.2.2.
    async fn fetch(&self, mut outgoing: Outgoing) -> Result<http::Response<Body>, Failed> {
        let mut refused = Vec::new();
        let mut connections = Connections::UnusedFirst;
        let mut retries_left = RETRIES_MAX;
        let mut chosen = self.choose(&refused);
        loop {
            let server = &self.servers[chosen];
            let began = Instant::now();
            let (failed, again) = match server.attempt(outgoing, connections, self.options.read_timeout).await {
                Attempted::Answered(response) => {
                    server.counters.finished(FetchResult::Answered, began.elapsed());
                    return Ok(response);
                }
                Attempted::Failed(failed, again) => (failed, again),
            };
            server.counters.finished(FetchResult::Failed(failed.reason), began.elapsed());
            if let Again::OtherServer(_) = again {
                server.health.failed(self.began.elapsed());
            }
            if retries_left == 0 {
                return Err(failed);
            }
            retries_left -= 1;
            match again {
                Again::Never => return Err(failed),
                Again::NewConnection(again) => {
                    connections = Connections::NewOnly;
                    outgoing = *again;
                }
                Again::OtherServer(again) => {
                    refused.push(chosen);
                    if refused.len() == self.servers.len() {
                        return Err(failed);
                    }
                    connections = Connections::UnusedFirst;
                    chosen = self.choose(&refused);
                    outgoing = *again;
                }
            }
        }
    }

    /// The index of the server to ask: the next healthy one that has not refused this request yet, else any that has
    /// not. Where all are down, asking is still better than answering with an error that the origin would not give.
    fn choose(&self, refused: &[usize]) -> usize {
        let now = self.began.elapsed();
        let untried = |index: usize| !refused.contains(&index);
        let admits = |index: usize| self.servers.get(index).is_some_and(|server| server.health.admits(now));
        self.balance.next(|index| untried(index) && admits(index)).or_else(|| self.balance.next(untried)).unwrap_or(0)
    }
}
