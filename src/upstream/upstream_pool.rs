//! One pool of upstream servers, as the engine's origin. Its options may be replaced while it is used.

use super::draining::{Drain, NotDrained};
use super::failure::Failed;
use super::maintenance;
use super::options::{Balancing, NoServer, UpstreamOptions};
use super::outgoing::Outgoing;
use super::overview::PoolOverview;
use super::pool::Pool;
use super::room::until_end_of;
use super::stats::ServerStats;
use super::terms::TryTerms;
use super::tls::TlsOptions;
use super::tries::Tries;
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, Origin, OriginError};
use crate::engine::request_fields::SharedFields;
use crate::in_flight::Room;
use crate::rules::origin_request::PoolName;
use arc_swap::ArcSwap;
use http::header::HOST;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A pool of upstream servers.
pub struct UpstreamPool {
    /// By the options in force.
    pool: ArcSwap<Pool>,
    /// Locked while its options are replaced, or a server is drained or taken in.
    changing: Mutex<()>,
}

impl UpstreamPool {
    /// A pool of these servers, without connections so far. [`Self::maintain`] must run, too.
    ///
    /// # Errors
    /// Where there is no server.
    pub fn new(options: UpstreamOptions) -> Result<Arc<Self>, NoServer> {
        Self::named(PoolName::new(PoolName::DEFAULT), options)
    }

    pub(super) fn named(name: PoolName, options: UpstreamOptions) -> Result<Arc<Self>, NoServer> {
        let pool = ArcSwap::from_pointee(Pool::new(name, options)?);
        Ok(Arc::new(Self { pool, changing: Mutex::default() }))
    }

    /// Goes by these options from now on. Servers that stay keep their connections, as far as the options would have them
    /// opened alike, their health, and whether they are being drained. What is under way at a server that has gone ends there;
    /// what has to be tried again is tried at those that there are now.
    ///
    /// # Errors
    /// Where there is no server; then nothing changes.
    pub fn replace(&self, options: UpstreamOptions) -> Result<(), NoServer> {
        let _changing = self.changing();
        let before = self.pool.load_full();
        let now = Arc::new(Pool::after(&before, options)?);
        self.pool.store(Arc::clone(&now));
        now.let_go_of(&before);
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is to be done without a request. Never ends; must run for as long as the pool is used.
    pub async fn maintain(self: Arc<Self>) {
        maintenance::maintain(&self.pool).await;
    }

    /// What it is like.
    pub(super) fn overview(&self) -> PoolOverview {
        self.pool.load().overview()
    }

    /// How its servers are reached over TLS; `None` if nothing is said of it.
    pub(super) fn tls(&self) -> Option<TlsOptions> {
        self.pool.load().options.tls.clone()
    }

    /// Drains a server, by its name as it is configured, or takes it in again.
    ///
    /// # Errors
    /// Where there is none of that name, or nobody would be left.
    pub fn drain(&self, server: &str, drain: Drain) -> Result<(), NotDrained> {
        let _changing = self.changing();
        self.pool.load().drain(server, drain)
    }

    /// How many requests wait for their turn: `max_requests`.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.load().room.waiting()
    }

    /// The counters of each server, in the order of the options.
    #[must_use]
    pub fn stats(&self) -> Vec<ServerStats> {
        self.pool.load().stats()
    }
}

impl fmt::Debug for UpstreamPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamPool").field("servers", &self.pool.load().options.servers).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Origin for UpstreamPool {
    async fn fetch(&self, request: http::Request<Body>, mut asked: Terms) -> Result<http::Response<Body>, OriginError> {
        let pool = self.pool.load_full();
        let key = match pool.options.balancing {
            Balancing::Consistent => key_of(&request, &asked),
            Balancing::RoundRobin | Balancing::LeastRequests => Box::default(),
        };
        let outgoing = Outgoing::new(request, asked.client.take(), pool.keeps());
        let mut terms = TryTerms::of(asked, pool.options.read_timeout);
        terms.upload = outgoing.upload();
        let place = pool.room.enter(&terms).await.map_err(|full| Failed::from(full).into_error())?;
        let answered = Tries::new(pool, &self.pool, &terms, key).run(outgoing).await.map_err(Failed::into_error);
        answered.map(|response| until_end_of(response, place))
    }

    fn knows_shared_fields(&self) -> bool {
        true
    }

    fn spare_room(&self, _: Option<&PoolName>) -> Room {
        self.pool.load().room.spare()
    }
}

/// What a request is known by where keys are spread: its cache key, or its URL where it has none.
fn key_of(request: &http::Request<Body>, asked: &Terms) -> Box<[u8]> {
    if let Some(key) = &asked.key {
        return key.as_bytes().into();
    }
    let host = asked.shared_fields().map(SharedFields::host).or_else(|| request.headers().get(HOST));
    let host = host.map_or(&b""[..], |host| host.as_bytes());
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    [host, path.as_bytes()].concat().into()
}
