//! The pool of upstream servers: connections, choice among servers, health, retries, timeouts.
//!
//! An [`UpstreamPool`] holds one [`server::Server`] for each configured one, and each of these its unused connections,
//! its health and its counters. A connection is hyper's: a task of its own drives the socket, a sender hands it one
//! request at a time. The sender travels with the response's body and comes back to the server's list once the body has
//! ended; dropped on the way, it closes the connection.
//!
//! Locks: one short mutex per server around its list of unused connections, never held across an await.

mod balance;
mod budget;
mod client_side;
mod connections;
mod failure;
mod framing;
mod health;
mod keeping;
mod maintenance;
mod options;
mod outgoing;
mod recent;
mod replay;
mod request_body;
mod response;
pub mod response_body;
mod roster;
mod server;
mod socket;
pub mod stats;
mod terms;
mod tries;
mod upload;

pub use options::{EjectOptions, RetryOptions, UpstreamOptions, UpstreamOptionsError};

use crate::engine::origin::{Body, Origin, OriginError};
use balance::Balance;
use budget::Budget;
use failure::Failed;
use outgoing::Outgoing;
use roster::Roster;
use server::Server;
use stats::ServerStats;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use terms::Terms;
use tries::Tries;

/// The upstream servers.
pub struct UpstreamPool {
    shared: Arc<Shared>,
}

struct Shared {
    options: UpstreamOptions,
    servers: Vec<Arc<Server>>,
    balance: Balance,
    roster: Arc<Roster>,
    budget: Budget,
    /// Whether the maintenance task has been started.
    maintained: AtomicBool,
}

impl UpstreamPool {
    /// A pool of these servers, without connections so far.
    ///
    /// # Errors
    /// Where there is no server, or one is not `http://host` or `http://host:port`.
    pub fn new(options: UpstreamOptions) -> Result<Arc<Self>, UpstreamOptionsError> {
        let addresses = options.addresses()?;
        let names = addresses.iter().map(|address| Arc::clone(&address.authority));
        let roster = Arc::new(Roster::new(names, options.eject));
        let servers = addresses.into_iter().enumerate();
        let servers: Vec<_> =
            servers.map(|(index, address)| Arc::new(Server::new(address, index, &roster, &options))).collect();
        let (balance, budget) = (Balance::new(servers.len()), Budget::new(options.retries));
        let shared = Shared { options, servers, balance, roster, budget, maintained: AtomicBool::new(false) };
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
    async fn fetch(&self, mut request: http::Request<Body>) -> Result<http::Response<Body>, OriginError> {
        maintenance::begin(&self.shared);
        let mut terms = Terms::take(request.extensions_mut(), self.shared.options.read_timeout);
        let outgoing = Outgoing::new(request);
        terms.upload = outgoing.upload();
        Tries::new(&self.shared, &terms).run(outgoing).await.map_err(Failed::into_error)
    }
}

impl Shared {
    /// The index of the server to ask: the next that is in and has not been asked for this request yet, else any that has
    /// not. Where all are out, asking is still better than answering with an error that the origin would not give.
    fn choose(&self, asked: &[usize]) -> usize {
        let untried = |index: usize| !asked.contains(&index);
        let admits = |index: usize| index < self.servers.len() && self.roster.admits(index);
        self.balance.next(|index| untried(index) && admits(index)).or_else(|| self.balance.next(untried)).unwrap_or(0)
    }
}
