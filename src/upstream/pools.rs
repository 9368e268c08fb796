//! All pools of upstream servers: the default one, and those that routes choose by name.

use super::draining::{Drain, NotDrained};
use super::options::{NoServer, UpstreamOptions};
use super::overview::PoolOverview;
use super::stats::ServerStats;
use super::tls::TlsOptions;
use super::upstream_pool::UpstreamPool;
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, Origin, OriginError, OriginErrorKind};
use crate::in_flight::Room;
use crate::rules::origin_request::PoolName;
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// How long a pool is kept that the options no longer name: what began by earlier rules may still ask it. Longer than such a
/// request waits for its turn, as a rule.
const RETIRED_FOR: Duration = Duration::from_mins(2);

/// Asks the pool that the terms of a request name.
#[derive(Debug)]
pub struct Pools {
    default: Arc<UpstreamPool>,
    named: ArcSwap<Vec<Named>>,
    /// Locked while the options are replaced.
    changing: Mutex<()>,
    /// Wakes [`Self::maintain`] once there are others.
    changed: Notify,
}

#[derive(Debug, Clone)]
struct Named {
    name: PoolName,
    pool: Arc<UpstreamPool>,
    /// When the options stopped naming it; `None` while they do.
    retired_at: Option<Instant>,
}

impl Named {
    fn new(name: PoolName, options: UpstreamOptions) -> Result<Self, NoServer> {
        let pool = UpstreamPool::named(name.clone(), options)?;
        Ok(Self { name, pool, retired_at: None })
    }

    /// Until when it is kept; `None` while the options name it.
    fn kept_until(&self) -> Option<Instant> {
        self.retired_at.map(|at| at + RETIRED_FOR)
    }
}

impl Pools {
    /// These pools, without connections so far.
    ///
    /// # Errors
    /// Where one has no server.
    pub fn new(default: UpstreamOptions, named: Vec<(PoolName, UpstreamOptions)>) -> Result<Arc<Self>, NoServer> {
        let named =
            named.into_iter().map(|(name, options)| Named::new(name, options)).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Self {
            default: UpstreamPool::new(default)?,
            named: ArcSwap::from_pointee(named),
            changing: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Goes by these options from now on. A pool that stays is as [`UpstreamPool::replace`] says; one that is no longer named
    /// answers for a while those who still ask it.
    ///
    /// # Errors
    /// Where one has no server: then nothing changes.
    pub fn replace(&self, default: UpstreamOptions, named: Vec<(PoolName, UpstreamOptions)>) -> Result<(), NoServer> {
        if default.servers.is_empty() || named.iter().any(|(_, options)| options.servers.is_empty()) {
            return Err(NoServer);
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.default.replace(default)?;
        let before = self.named.load_full();
        let mut now = Vec::new();
        for (name, options) in named {
            now.push(match before.iter().find(|known| known.name == name) {
                Some(known) => {
                    known.pool.replace(options)?;
                    Named { retired_at: None, ..known.clone() }
                }
                None => Named::new(name, options)?,
            });
        }
        let retired_at = Instant::now();
        for known in before.iter() {
            let is_over = known.kept_until().is_some_and(|until| until <= retired_at);
            if !is_over && !now.iter().any(|named| named.name == known.name) {
                now.push(Named { retired_at: known.retired_at.or(Some(retired_at)), ..known.clone() });
            }
        }
        self.named.store(Arc::new(now));
        self.changed.notify_one();
        Ok(())
    }

    /// The pool of this name, for a while also one that the options no longer name.
    fn named(&self, name: &PoolName) -> Option<Arc<UpstreamPool>> {
        let named = self.named.load();
        named.iter().find(|known| known.name == *name).map(|known| Arc::clone(&known.pool))
    }

    /// Those that the options name.
    fn all(&self) -> impl Iterator<Item = Arc<UpstreamPool>> {
        let named = self.named.load_full();
        let named: Vec<_> = named.iter().filter(|known| known.retired_at.is_none()).cloned().collect();
        std::iter::once(Arc::clone(&self.default)).chain(named.into_iter().map(|known| known.pool))
    }

    /// Does what is to be done without a request, for each pool. Never ends but by a panic of one; must run for as long as the
    /// pools are used.
    pub(crate) async fn maintain(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        let mut maintained: Vec<(Arc<UpstreamPool>, AbortHandle)> = Vec::new();
        loop {
            let next_end = self.forget_retired();
            let pools: Vec<_> = self.named.load().iter().map(|known| Arc::clone(&known.pool)).collect();
            let pools: Vec<_> = pools.into_iter().chain([Arc::clone(&self.default)]).collect();
            maintained.retain(|(pool, task)| {
                let is_there = pools.iter().any(|other| Arc::ptr_eq(other, pool));
                if !is_there {
                    task.abort();
                }
                is_there
            });
            for pool in pools {
                if !maintained.iter().any(|(other, _)| Arc::ptr_eq(other, &pool)) {
                    let task = tasks.spawn(Arc::clone(&pool).maintain());
                    maintained.push((pool, task));
                }
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = until(next_end) => {}
                Some(Err(error)) = tasks.join_next() => if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                },
            }
        }
    }

    /// Forgets those that were kept long enough. Returns when the next of them is.
    fn forget_retired(&self) -> Option<Instant> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, before) = (Instant::now(), self.named.load_full());
        let is_over = |known: &Named| known.kept_until().is_some_and(|until| until <= now);
        if before.iter().any(is_over) {
            self.named.store(Arc::new(before.iter().filter(|known| !is_over(known)).cloned().collect()));
        }
        before.iter().filter(|known| !is_over(known)).filter_map(Named::kept_until).min()
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

    /// How servers are reached over TLS, pool by pool.
    pub(crate) fn tls(&self) -> Vec<TlsOptions> {
        self.all().filter_map(|pool| pool.tls()).collect()
    }

    /// Drains a server of a pool, or takes it in again.
    pub(crate) fn drain(&self, pool: &str, server: &str, drain: Drain) -> Result<(), NotDrained> {
        let name = PoolName::new(pool);
        if pool == PoolName::DEFAULT {
            return self.default.drain(server, drain);
        }
        let named = self.named.load_full();
        let known = named.iter().find(|known| known.name == name && known.retired_at.is_none());
        known.ok_or(NotDrained::NoPool)?.pool.drain(server, drain)
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
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
        let Some(name) = terms.pool.as_ref().filter(|name| name.as_str() != PoolName::DEFAULT) else {
            return self.default.fetch(request, terms);
        };
        match self.named(name) {
            Some(pool) => Box::pin(async move { pool.fetch(request, terms).await }),
            // Rules that name an unknown pool are refused; nobody else is asked in its place.
            None => Box::pin(ready(Err(OriginError { kind: OriginErrorKind::NoServer, cause: None }))),
        }
    }

    fn knows_shared_fields(&self) -> bool {
        true
    }

    fn spare_room(&self, pool: Option<&PoolName>) -> Room {
        let Some(name) = pool.filter(|name| name.as_str() != PoolName::DEFAULT) else {
            return self.default.spare_room(None);
        };
        self.named(name).map_or(Room::Free, |pool| pool.spare_room(None))
    }
}
