//! Audits: a share of hits is compared in the background with what the origin says, so that it is measured how often an
//! old answer was served.
//!
//! A hit adds itself to a short queue, or is not compared: a request never waits. What is in the queue gives way to clients
//! as warming does. An answer that differs is asked for again after a moment: an origin that never answers alike is told
//! from one that has changed, and the purge of a change that was under way has come by then. Nothing is stored or purged by
//! what is found.

use super::Engine;
use super::fetch;
use super::hot_keys::may_be_repeated;
use super::parts;
use super::requester::Requester;
use crate::clock::Timestamp;
use crate::consistency::{AgeBand, Consistency, Found, IgnoredPurge, Occasion, Seen, Verdict};
use crate::entry::Entry;
use crate::entry::coders::decode;
use crate::invalidation::Standing;
use crate::plan::request::CacheableRequest;
use crate::plan::wanted::Wanted;
use crate::rules::audit::AuditRule;
use crate::stamp::Stamp;
use bytes::Bytes;
use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinSet, spawn_blocking};

/// How many wait to be compared.
const WAITING_MAX: usize = 256;

/// How many are compared at once.
const CONCURRENT: usize = 4;

/// What was served longer ago is not compared: what the origin says now says too little of what it said then.
const LATE_AFTER: Duration = Duration::from_secs(2);

/// Between the two times that an origin is asked that answers otherwise.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// After a purge, what its clients get is looked at so much later.
const AFTER_PURGE: Duration = Duration::from_secs(1);

/// An answer of the cache that waits to be compared.
struct Audited {
    request: Arc<CacheableRequest>,
    entry: Arc<Entry>,
    occasion: Occasion,
    at: Timestamp,
    /// The last purge that was applied when it was served.
    applied: Stamp,
}

/// What waits, and what was found.
pub(super) struct Audits {
    queue: mpsc::Sender<Audited>,
    /// Of the one task that compares.
    waiting: Mutex<mpsc::Receiver<Audited>>,
    consistency: Consistency,
}

impl Default for Audits {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        Self { queue, waiting: Mutex::new(waiting), consistency: Consistency::default() }
    }
}

impl Engine {
    /// What audits have found.
    pub(crate) const fn consistency(&self) -> &Consistency {
        &self.audits.consistency
    }

    /// Notes a hit for what is asked for most, and for audits.
    #[inline]
    pub(super) fn note_hit(&self, request: &CacheableRequest, entry: &Arc<Entry>, now: Timestamp) {
        self.hot_keys.note(request, entry);
        if let Some(rule) = &request.route.audit
            && rule.takes(rand::random())
        {
            self.audit(request, entry, (Occasion::Hit, now));
        }
    }

    /// Has one compared, unless what it is answered with may be one client's own, or an operator holds it.
    fn audit(&self, request: &CacheableRequest, entry: &Arc<Entry>, (occasion, at): (Occasion, Timestamp)) {
        if request.hold.is_some() || entry.part().is_some() || !may_be_repeated(request) {
            return;
        }
        let Ok(place) = self.audits.queue.try_reserve() else {
            let age = AgeBand::of(entry.current_age(at));
            return self.audits.consistency.count(&request.route.name, occasion, age, Verdict::Busy);
        };
        let (request, entry) = (Arc::new(request.to_keep()), Arc::clone(entry));
        place.send(Audited { request, entry, occasion, at, applied: self.invalidation().applied() });
    }

    /// Has a share of these keys, which a purge has just covered, compared in a moment: with what is stored by then.
    pub(super) fn audit_later<'a>(self: &Arc<Self>, purged: impl Iterator<Item = &'a Arc<CacheableRequest>>) {
        let is_taken = |request: &&Arc<CacheableRequest>| {
            request.route.audit.as_ref().is_some_and(|rule| rule.takes(rand::random()))
        };
        let taken: Vec<_> = purged.filter(is_taken).take(WAITING_MAX).cloned().collect();
        if taken.is_empty() {
            return;
        }
        let engine = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(AFTER_PURGE).await;
            let Some(engine) = engine.upgrade() else { return };
            for request in taken {
                let variants = engine.memory().peek(&request.key);
                let entry = variants.as_ref().and_then(|variants| request.select(variants));
                // Where nobody has come for it since, there is nothing to compare.
                if let Some(entry) = entry.filter(|entry| engine.standing(&request, entry) == Standing::Clear) {
                    engine.audit(&request, entry, (Occasion::AfterPurge, engine.now()));
                }
            }
        });
    }

    /// Compares for as long as the instance lives. To be run once.
    pub(crate) async fn compare_with_the_origin(self: Arc<Self>) {
        let mut waiting = self.audits.waiting.lock().await;
        let mut under_way = JoinSet::new();
        while let Some(audited) = waiting.recv().await {
            if under_way.len() >= CONCURRENT {
                under_way.join_next().await;
            }
            let engine = Arc::clone(&self);
            under_way.spawn(async move {
                let verdict = engine.verdict(&audited).await;
                let age = AgeBand::of(audited.entry.current_age(audited.at));
                let route = &audited.request.route.name;
                engine.audits.consistency.count(route, audited.occasion, age, verdict);
            });
        }
    }

    async fn verdict(self: &Arc<Self>, audited: &Audited) -> Verdict {
        let Audited { request, entry, at, .. } = audited;
        if self.now().since(*at) > LATE_AFTER {
            return Verdict::Late;
        }
        if !self.has_spare_room(request) {
            return Verdict::Busy;
        }
        // Before anything is awaited: a purge that comes meanwhile hides the one that should have kept it from being served.
        let ignored = self.ignored_purge(audited);
        let Some(served) = seen_in(entry, request).await else { return Verdict::Failed };
        let Some(origin) = self.ask_the_origin(request).await else { return Verdict::Failed };
        if origin.is_same(&served) {
            return Verdict::Same;
        }
        tokio::time::sleep(ASKED_AGAIN_AFTER).await;
        match self.ask_the_origin(request).await {
            None => Verdict::Failed,
            Some(again) if !again.is_same(&origin) => Verdict::Unstable,
            Some(origin) => self.older(audited, ignored, (served, origin)),
        }
    }

    /// The purge that covers an answer, had been applied when it was served, and should have kept it from being so.
    fn ignored_purge(&self, Audited { request, entry, applied, .. }: &Audited) -> Option<IgnoredPurge> {
        let covering = self.covering(request, entry).filter(|covering| covering.stamp <= *applied)?;
        Some(IgnoredPurge { stamp: covering.stamp, scope: covering.scope })
    }

    /// What is said of an answer that was other than the origin's: a purge that has come since it was served excuses it,
    /// unless one had been applied before that.
    fn older(&self, audited: &Audited, ignored: Option<IgnoredPurge>, (served, origin): (Seen, Seen)) -> Verdict {
        let Audited { request, entry, occasion, at, .. } = audited;
        let ignored_purge = ignored.or_else(|| self.ignored_purge(audited));
        if ignored_purge.is_none() && self.covering(request, entry).is_some() {
            return Verdict::PurgedSince;
        }
        let (route, url) = (request.route.name.clone(), request.target.url().to_owned());
        tracing::warn!(%route, url, age_secs = entry.current_age(*at).as_secs(), "an answer of the cache was older than the origin's");
        let (occasion, at, age) = (*occasion, *at, entry.current_age(*at));
        self.audits.consistency.keep(Found { route, url, occasion, at, age, served, origin, ignored_purge });
        Verdict::Stale
    }

    /// What the origin says now; `None` if that can't be known.
    async fn ask_the_origin(self: &Arc<Self>, request: &Arc<CacheableRequest>) -> Option<Seen> {
        let requester = Arc::new(Requester::Refresh(Arc::clone(request)));
        let _permit = self.miss_permit(&requester, &Wanted::Whole).await.ok()?;
        let response = fetch::ask_only(self, &requester).await.ok()?;
        let (head, body) = response.into_parts();
        // What an origin says that fails is no other version.
        if head.status.is_server_error() || request.route.lifetime.is_failure(head.status) {
            return None;
        }
        let body = parts::collect(body, request.route.max_body_bytes).await?;
        let digest = digest_of(Arc::clone(request), body).await?;
        Some(Seen {
            status: head.status,
            digest,
            etag: text(&head.headers, &ETAG),
            last_modified: text(&head.headers, &LAST_MODIFIED),
        })
    }
}

/// What was served.
async fn seen_in(entry: &Entry, request: &Arc<CacheableRequest>) -> Option<Seen> {
    let body = entry.body();
    let (bytes, identity_bytes) = (body.to_bytes(), body.identity_bytes());
    let bytes = match body.coding() {
        Some(coding) => spawn_blocking(move || decode(coding, bytes, identity_bytes)).await.ok()?.ok()?,
        None => bytes,
    };
    let headers = entry.headers();
    Some(Seen {
        status: entry.status(),
        digest: digest_of(Arc::clone(request), bytes).await?,
        etag: text(&headers, &ETAG),
        last_modified: text(&headers, &LAST_MODIFIED),
    })
}

/// Off the path of requests: a body may be large.
async fn digest_of(request: Arc<CacheableRequest>, body: Bytes) -> Option<u128> {
    let digest = move || request.route.audit.as_ref().map(|rule: &AuditRule| rule.digest(&body));
    spawn_blocking(digest).await.ok()?
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod audit_tests;
