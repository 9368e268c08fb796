//! All pools of upstream servers: the default one, and those that routes choose by name.

use super::draining::{Drain, NotDrained};
use super::options::{NoServer, UpstreamOptions};
use super::overview::PoolOverview;
use super::stats::ServerStats;
use super::upstream_pool::UpstreamPool;
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, Origin, OriginError, OriginErrorKind};
use crate::in_flight::Room;
use crate::rules::origin_request::PoolName;
use futures_util::future::BoxFuture;
use std::future::ready;
use std::sync::Arc;

/// Asks the pool that the terms of a request name.
#[derive(Debug)]
pub struct Pools {
    default: Arc<UpstreamPool>,
    named: Vec<(PoolName, Arc<UpstreamPool>)>,
}

impl Pools {
    /// These pools, without connections so far.
    ///
    /// # Errors
    /// Where one has no server.
    pub fn new(default: UpstreamOptions, named: Vec<(PoolName, UpstreamOptions)>) -> Result<Arc<Self>, NoServer> {
        let pool = |(name, options): (PoolName, _)| Ok((name.clone(), UpstreamPool::named(name, options)?));
        let named = named.into_iter().map(pool).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { default: UpstreamPool::new(default)?, named }))
    }

    /// All of them. [`UpstreamPool::maintain`] must run for each.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<UpstreamPool>> {
        std::iter::once(&self.default).chain(self.named.iter().map(|(_, pool)| pool))
    }

    /// The counters of each server, pool by pool.
    #[must_use]
    pub(crate) fn stats(&self) -> Vec<ServerStats> {
        self.all().flat_map(|pool| pool.stats()).collect()
    }

    /// What each pool is like.
    pub(crate) fn overview(&self) -> Vec<PoolOverview> {
        self.all().map(|pool| pool.overview()).collect()
    }

    /// Drains a server of a pool, or takes it in again.
    pub(crate) fn drain(&self, pool: &str, server: &str, drain: Drain) -> Result<(), NotDrained> {
        let pool = self.pool(Some(&PoolName::new(pool))).ok_or(NotDrained::NoPool)?;
        pool.drain(server, drain)
    }

    fn pool(&self, name: Option<&PoolName>) -> Option<&Arc<UpstreamPool>> {
        match name.filter(|name| name.as_str() != PoolName::DEFAULT) {
            None => Some(&self.default),
            Some(name) => self.named.iter().find(|(known, _)| known == name).map(|(_, pool)| pool),
        }
    }
}

impl Origin for Pools {
    // As the macro of the trait would have it, but for a second box around that of the pool.
    fn fetch<'a, 'b>(
        &'a self,
        request: http::Request<Body>,
        terms: Terms,
    ) -> BoxFuture<'b, Result<http::Response<Body>, OriginError>>
    where
        'a: 'b,
        Self: 'b,
    {
        match self.pool(terms.pool.as_ref()) {
            Some(pool) => pool.fetch(request, terms),
            // Rules that name an unknown pool are refused; nobody else is asked in its place.
            None => Box::pin(ready(Err(OriginError { kind: OriginErrorKind::NoServer, cause: None }))),
        }
    }

    fn spare_room(&self, pool: Option<&PoolName>) -> Room {
        self.pool(pool).map_or(Room::Free, |pool| pool.spare_room(None))
    }
}
