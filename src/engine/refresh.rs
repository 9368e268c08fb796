//! After a purge: the hottest of what it took is fetched again, before its clients come for it.
//!
//! One task per engine waits for purges. One that took more than `after_purge` hot keys would send their clients to the
//! origin all at once; so they are fetched one after another, hottest first and few at a time, each within its route's
//! `miss_limit`. In a fleet the leases let one instance fetch each of them, and the others take it from there.

use super::Engine;
use super::fetch::Fetch;
use super::fetch_outcome::Fetched;
use super::requester::Requester;
use super::serve::join;
use crate::coalesce::flights::Role;
use crate::plan::request::CacheableRequest;
use crate::plan::wanted::Wanted;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;

/// `[refresh]`, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshOptions {
    /// `after_purge`: a purge that took more hot keys than so many has them fetched again.
    pub after_purge: usize,
    /// `hot_keys`: how many keys are remembered as hot; 0 turns it off.
    pub hot_keys: usize,
    /// `concurrent`: how many are fetched at once.
    pub concurrent: usize,
}

impl Default for RefreshOptions {
    fn default() -> Self {
        Self { after_purge: 16, hot_keys: 1024, concurrent: 4 }
    }
}

impl Engine {
    /// Refreshes after purges for as long as the instance lives. To be run once.
    pub async fn refresh_after_purges(self: Arc<Self>) {
        loop {
            self.invalidation().changed().await;
            let taken = self.taken_by_purges();
            self.audit_later(taken.iter().map(|(request, _)| request));
            if taken.len() > self.refresh.after_purge {
                tracing::info!(keys = taken.len(), "a purge took hot keys: they are fetched again, hottest first");
                self.refresh_all(taken).await;
            }
        }
    }

    /// How many fetches were made after purges.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        self.refreshed.load(Ordering::Relaxed)
    }

    /// The hot keys that purges cover, hottest first, each with what is to be asked.
    fn taken_by_purges(&self) -> Vec<(Arc<CacheableRequest>, Wanted)> {
        let wanted = |request: Arc<CacheableRequest>| {
            let variants = self.memory().peek(&request.key)?;
            let entry = request.select(&variants).filter(|entry| entry.part().is_none())?;
            let wanted = Wanted::after_purge(entry, self.standing(&request, entry))?;
            Some((request, wanted))
        };
        self.hot_keys.hottest_first(&self.rules(), self.now()).into_iter().filter_map(wanted).collect()
    }

    async fn refresh_all(self: &Arc<Self>, taken: Vec<(Arc<CacheableRequest>, Wanted)>) {
        let mut under_way = JoinSet::new();
        for (request, wanted) in taken {
            if under_way.len() >= self.refresh.concurrent.max(1) {
                under_way.join_next().await;
            }
            // Who came for it meanwhile fetches it already.
            if let Role::Leader(leader) = join(self, &request, None) {
                self.refreshed.fetch_add(1, Ordering::Relaxed);
                let request = Arc::new(Requester::Refresh(request));
                let fetched = Fetch::begin(self, &request, wanted, Some(leader));
                under_way.spawn(async move {
                    read_to_its_end(fetched.await).await;
                });
            }
        }
        while under_way.join_next().await.is_some() {}
    }
}

/// The fetch is over once its body is.
pub(super) async fn read_to_its_end(fetched: Fetched) {
    if let Fetched::Streaming { mut reader, .. } = fetched {
        while let Some(Ok(_)) = reader.frame().await {}
    }
}
