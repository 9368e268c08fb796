//! The pool of upstream servers: connections, choice among servers, health, retries, timeouts.
//!
//! An [`UpstreamPool`] holds one [`server::Server`] for each configured one, and an [`endpoint::Endpoint`] for each
//! address of these, with its unused connections and its health. A [`session::Session`] sends one request at a time. It
//! travels with the response's body and comes back to the endpoint's list once the body has ended; dropped on the way,
//! it closes.
//!
//! Locks: one short mutex per endpoint around its list of unused connections, never held across an await.

mod balance;
mod budget;
mod client_side;
mod connections;
mod discovery;
mod endpoint;
mod failure;
mod framing;
mod health;
mod keeping;
mod maintenance;
pub mod metrics;
mod options;
mod outgoing;
mod pool;
mod recent;
mod replay;
mod request_body;
mod response;
pub mod response_body;
mod roster;
mod server;
mod server_url;
mod session;
mod socket;
pub mod stats;
mod terms;
mod tries;
mod upload;

pub use options::{EjectOptions, NoServer, RetryOptions, UpstreamOptions};
pub use server_url::{ServerUrl, ServerUrlError};

use crate::engine::exchange::Terms as Asked;
use crate::engine::origin::{Body, Origin, OriginError};
use failure::Failed;
use outgoing::Outgoing;
use pool::Pool;
use stats::ServerStats;
use std::fmt;
use std::sync::Arc;
use terms::Terms;
use tries::Tries;

/// The upstream servers.
pub struct UpstreamPool(Arc<Pool>);

impl UpstreamPool {
    /// A pool of these servers, without connections so far.
    ///
    /// # Errors
    /// Where there is no server.
    pub fn new(options: UpstreamOptions) -> Result<Arc<Self>, NoServer> {
        Ok(Arc::new(Self(Arc::new(Pool::new(options)?))))
    }

    /// The counters of each server, in the order of the options.
    #[must_use]
    pub fn stats(&self) -> Vec<ServerStats> {
        self.0.stats()
    }
}

impl fmt::Debug for UpstreamPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamPool").field("servers", &self.0.options.servers).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Origin for UpstreamPool {
    async fn fetch(&self, request: http::Request<Body>, asked: Asked) -> Result<http::Response<Body>, OriginError> {
        maintenance::begin(&self.0);
        let outgoing = Outgoing::new(request, asked.client.clone());
        let mut terms = Terms::of(asked, self.0.options.read_timeout);
        terms.upload = outgoing.upload();
        Tries::new(&self.0, &terms).run(outgoing).await.map_err(Failed::into_error)
    }
}
