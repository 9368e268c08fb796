//! One pool of upstream servers, as the engine's origin.

use super::draining::{Drain, NotDrained};
use super::failure::Failed;
use super::maintenance;
use super::options::{Balancing, NoServer, UpstreamOptions};
use super::outgoing::Outgoing;
use super::overview::PoolOverview;
use super::pool::Pool;
use super::room::until_end_of;
use super::stats::ServerStats;
use super::terms::Terms;
use super::tries::Tries;
use crate::engine::exchange::Terms as Asked;
use crate::engine::origin::{Body, Origin, OriginError};
use crate::in_flight::Room;
use crate::key::PrimaryKey;
use crate::rules::origin_request::PoolName;
use http::header::HOST;
use std::fmt;
use std::sync::Arc;

/// A pool of upstream servers.
pub struct UpstreamPool(Arc<Pool>);

impl UpstreamPool {
    /// A pool of these servers, without connections so far. [`Self::maintain`] must run, too.
    ///
    /// # Errors
    /// Where there is no server.
    pub fn new(options: UpstreamOptions) -> Result<Arc<Self>, NoServer> {
        Self::named(PoolName::new(PoolName::DEFAULT), options)
    }

    pub(super) fn named(name: PoolName, options: UpstreamOptions) -> Result<Arc<Self>, NoServer> {
        Ok(Arc::new(Self(Arc::new(Pool::new(name, options)?))))
    }

    /// Does what is to be done without a request. Never ends; must run for as long as the pool is used.
    pub async fn maintain(self: Arc<Self>) {
        maintenance::maintain(&self.0).await;
    }

    /// What it is like.
    pub(super) fn overview(&self) -> PoolOverview {
        self.0.overview()
    }

    /// Drains a server, by its name as it is configured, or takes it in again.
    ///
    /// # Errors
    /// Where there is none of that name, or nobody would be left.
    pub fn drain(&self, server: &str, drain: Drain) -> Result<(), NotDrained> {
        self.0.drain(server, drain)
    }

    /// How many requests wait for their turn: `max_requests`.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.room.waiting()
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
        let key = match self.0.options.balancing {
            Balancing::Consistent => key_of(&request, asked.key.as_ref()),
            Balancing::RoundRobin | Balancing::LeastRequests => Box::default(),
        };
        let outgoing = Outgoing::new(request, asked.client.clone(), self.0.keeps());
        let mut terms = Terms::of(asked, self.0.options.read_timeout);
        terms.upload = outgoing.upload();
        let place = self.0.room.enter(&terms).await.map_err(|full| Failed::from(full).into_error())?;
        let answered = Tries::new(&self.0, &terms, key).run(outgoing).await.map_err(Failed::into_error);
        answered.map(|response| until_end_of(response, place))
    }

    fn spare_room(&self, _: Option<&PoolName>) -> Room {
        self.0.room.spare()
    }
}

/// What a request is known by where keys are spread: its cache key, or its URL where it has none.
fn key_of(request: &http::Request<Body>, key: Option<&PrimaryKey>) -> Box<[u8]> {
    if let Some(key) = key {
        return key.as_bytes().into();
    }
    let host = request.headers().get(HOST).map_or(&b""[..], |host| host.as_bytes());
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    [host, path.as_bytes()].concat().into()
}
