//! `settle` before an origin that reads from a replica which lags, with a clock that stands until it is moved.

use crate::clock::{Clock, ManualClock, Timestamp};
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, Origin, OriginError, empty_body};
use crate::engine::outcome::Outcome;
use crate::engine::refresh::RefreshOptions;
use crate::engine::storing::{StoreOutcome, Storing};
use crate::engine::{Answer, Engine, EngineParts, Handler, RequestContext};
use crate::entry::Entry;
use crate::entry::settling::Settling;
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::invalidation::{Invalidation, InvalidationOptions, PurgeOptions};
use crate::rules::pattern::PathPattern;
use crate::rules::{Route, RuleSet};
use crate::scope::{RouteName, Scope, Tag};
use crate::semantics::reason::Reason;
use crate::store::codec;
use crate::store::memory::{MemoryOptions, MemoryTier};
use http::header::{CACHE_CONTROL, ETAG, HOST, IF_NONE_MATCH};
use http::uri::Scheme;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SETTLE: Duration = Duration::from_secs(2);
const LAG: Duration = Duration::from_millis(1_900);
const STEP: Duration = Duration::from_millis(100);

/// An origin whose page has a version, of which its replica knows what was there `LAG` ago.
struct Replica {
    clock: Arc<ManualClock>,
    changed_at: Mutex<Vec<Timestamp>>,
    /// How long an answer takes.
    takes_millis: AtomicU64,
}

impl Replica {
    /// The version at this time.
    fn version(&self, at: Timestamp) -> u64 {
        self.changed_at.lock().expect("nobody panics").iter().filter(|changed| **changed <= at).count() as u64
    }
}

#[async_trait::async_trait]
impl Origin for Replica {
    async fn fetch(&self, request: http::Request<Body>, _: Terms) -> Result<http::Response<Body>, OriginError> {
        let version = self.version(self.clock.now().saturating_sub(LAG));
        self.clock.advance(Duration::from_millis(self.takes_millis.load(Ordering::Relaxed)));
        let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("a number in quotes");
        let is_confirmed = request.headers().get(IF_NONE_MATCH) == Some(&tag);
        let body = Full::new(version.to_string().into()).map_err(|never| match never {});
        let mut response = http::Response::new(if is_confirmed { empty_body() } else { body.boxed_unsync() });
        if is_confirmed {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response.headers_mut().insert(ETAG, tag);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        Ok(response)
    }
}

struct Shop {
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    replica: Arc<Replica>,
}

fn rules(settle: Option<Duration>, stale: Option<Duration>) -> RuleSet {
    let mut route = Route::plain(RouteName::new("all"), PathPattern::parse("/**").expect("it is a pattern"));
    (route.settle, route.lifetime.stale_while_revalidate) = (settle, stale);
    RuleSet::new(vec![route]).expect("one route makes a rule set")
}

/// A shop that has run for longer than `settle`.
fn shop(settle: Option<Duration>, stale: Option<Duration>) -> Shop {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_790_000_000)));
    let changed_at = Mutex::new(vec![Timestamp::EPOCH]);
    let replica = Arc::new(Replica { clock: Arc::clone(&clock), changed_at, takes_millis: AtomicU64::new(0) });
    let about = InvalidationOptions { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..InvalidationOptions::default() };
    let engine = Engine::new(EngineParts {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        origin: Arc::clone(&replica) as Arc<dyn Origin>,
        memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 4 })),
        shared: None,
        invalidation: Arc::new(Invalidation::alone(about)),
        rules: rules(settle, stale),
        refresh: RefreshOptions::default(),
        front: crate::engine::arrival::Front::default(),
    });
    clock.advance(SETTLE);
    Shop { engine, clock, replica }
}

/// What a client was given.
struct Given {
    version: u64,
    outcome: Outcome,
    reason: Reason,
    stored: Option<StoreOutcome>,
    cache_control: String,
}

impl Shop {
    async fn ask(&self) -> Given {
        self.ask_for("/p", &[]).await
    }

    async fn ask_for(&self, path: &'static str, fields: &[(&'static str, &'static str)]) -> Given {
        let mut request = http::Request::new(empty_body());
        *request.uri_mut() = http::Uri::from_static(path);
        request.headers_mut().insert(HOST, HeaderValue::from_static("shop.example.com"));
        for (name, value) in fields {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        given(self.engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await).await
    }

    async fn head(&self) {
        let mut request = http::Request::new(empty_body());
        *request.method_mut() = Method::HEAD;
        *request.uri_mut() = http::Uri::from_static("/p");
        request.headers_mut().insert(HOST, HeaderValue::from_static("shop.example.com"));
        request.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        drop(self.engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await);
    }

    /// The page changes, and is purged.
    async fn change(&self, depth: Depth) {
        self.replica.changed_at.lock().expect("nobody panics").push(self.clock.now());
        self.purge(Scope::Url("/p".into()), depth).await;
    }

    async fn purge(&self, scope: Scope, depth: Depth) {
        let purge = Purge { scopes: vec![scope], depth, source: PurgeSource::Admin };
        self.engine.invalidation().purge(purge, PurgeOptions::default()).await.expect("the log is here");
    }

    fn stored(&self) -> Arc<Entry> {
        let variants = self.engine.memory().scan(1).next().expect("it is stored");
        Arc::clone(&variants.entries()[0])
    }
}

async fn given(answer: Answer) -> Given {
    let stored = match answer.decision.storing {
        Some(Storing::Known(outcome)) => Some(outcome),
        Some(open) => Some(open.settled().await),
        None => None,
    };
    let response = answer.reply.expect("the origin answers");
    let cache_control = response.headers()[CACHE_CONTROL].to_str().expect("it is text").to_owned();
    let body = response.into_body().collect().await.expect("it is whole").to_bytes();
    let version = String::from_utf8_lossy(&body).parse().expect("a version");
    Given { version, outcome: answer.decision.outcome, reason: answer.decision.reason, stored, cache_control }
}

#[tokio::test]
async fn a_replica_that_lags_by_less_than_settle_is_never_served_older_for_longer_than_settle_after_the_purge() {
    // Purges at these steps, alone and in rows; clients that ask as they come, and that have it validated.
    for fields in [&[][..], &[("cache-control", "no-cache")], &[("cache-control", "max-age=0")]] {
        for purges in [&[5][..], &[5, 6], &[5, 15, 24, 25, 40], &[0, 1, 2, 3, 4, 5, 6, 7, 30]] {
            let shop = shop(Some(SETTLE), None);
            shop.ask().await;
            let mut purged = Vec::new();
            for step in 0..100 {
                if purges.contains(&step) {
                    shop.change(Depth::Hard).await;
                    purged.push(shop.clock.now());
                }
                let promised = 1 + purged.iter().filter(|at| shop.clock.now().since(**at) >= SETTLE).count() as u64;
                let given = if step % 3 == 0 { shop.ask_for("/p", fields).await } else { shop.ask().await };
                assert!(given.version >= promised, "step {step} of {purges:?}: {} < {promised}", given.version);
                shop.clock.advance(STEP);
            }
            assert_eq!(shop.ask().await.outcome, Outcome::Hit, "what has settled is kept: {purges:?}");
        }
    }
}

#[tokio::test]
async fn without_settle_the_old_is_kept_as_long_as_any() {
    let shop = shop(None, None);
    shop.change(Depth::Hard).await;
    shop.ask().await;
    shop.clock.advance(LAG + SETTLE);
    let given = shop.ask().await;
    assert_eq!((given.version, given.outcome), (1, Outcome::Hit), "this is what `settle` is for");
}

#[tokio::test]
async fn what_is_kept_for_a_moment_says_so_here_and_to_clients() {
    let shop = shop(Some(SETTLE), None);
    shop.change(Depth::Hard).await;
    shop.clock.advance(STEP);
    let given = shop.ask().await;
    assert_eq!((given.outcome, given.stored), (Outcome::Miss, Some(StoreOutcome::Stored)));
    assert_eq!(given.cache_control, "public, max-age=1");
    let given = shop.ask().await;
    assert_eq!((given.outcome, given.reason), (Outcome::Hit, Reason::Fresh));
    assert_eq!(given.cache_control, "public, max-age=1");
    shop.clock.advance(SETTLE);
    let given = shop.ask().await;
    assert_eq!((given.version, given.outcome, given.reason), (2, Outcome::Miss, Reason::Settled));
    assert_eq!(given.cache_control, "public, max-age=3600");
    shop.clock.advance(SETTLE);
    assert_eq!(shop.ask().await.outcome, Outcome::Hit);
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_that_is_not_stored() {
    let shop = shop(Some(SETTLE), None);
    shop.change(Depth::Hard).await;
    shop.replica.takes_millis.store(2_500, Ordering::Relaxed);
    let given = shop.ask().await;
    assert_eq!((given.version, given.stored), (1, Some(StoreOutcome::Refused(Reason::Settled))));
    let given = shop.ask().await;
    assert_eq!((given.version, given.stored), (2, Some(StoreOutcome::Stored)));
}

#[tokio::test]
async fn after_a_soft_purge_it_becomes_stale_and_no_more() {
    let shop = shop(Some(SETTLE), Some(Duration::from_hours(1)));
    shop.ask().await;
    shop.change(Depth::Soft).await;
    assert_eq!(shop.ask().await.outcome, Outcome::Stale);
    shop.engine.settled().await;
    let mut outcomes = Vec::new();
    for _ in 0..60 {
        shop.clock.advance(STEP);
        outcomes.push(shop.ask().await.outcome);
        shop.engine.settled().await;
        // A refresh is a task of its own.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Hit | Outcome::Stale)), "{outcomes:?}");
    assert_eq!((shop.ask().await.version, outcomes.last()), (2, Some(&Outcome::Hit)));
}

#[tokio::test]
async fn a_head_gives_it_no_more_time() {
    for depth in [Depth::Soft, Depth::Hard] {
        let shop = shop(Some(SETTLE), None);
        shop.change(depth).await;
        shop.ask().await;
        shop.clock.advance(STEP);
        shop.head().await;
        shop.clock.advance(SETTLE);
        shop.head().await;
        assert_eq!(shop.ask().await.version, 2, "{depth:?}");
    }
}

#[tokio::test]
async fn other_purges_and_routes_without_it_change_nothing() {
    let shop = shop(Some(SETTLE), None);
    shop.purge(Scope::Tag(Tag::new("other").expect("a tag")), Depth::Hard).await;
    let given = shop.ask().await;
    assert_eq!(given.cache_control, "public, max-age=3600");
    shop.engine.replace_rules(rules(None, None));
    shop.purge(Scope::All, Depth::Hard).await;
    assert_eq!(shop.ask().await.cache_control, "public, max-age=3600");
    // What was purged before a reload is not known: it counts as a purge of everything.
    shop.clock.advance(SETTLE);
    shop.engine.replace_rules(rules(Some(SETTLE), None));
    shop.ask_for("/q", &[]).await;
    assert_eq!(shop.ask_for("/q", &[]).await.cache_control, "public, max-age=2");
}

#[tokio::test]
async fn the_end_goes_with_the_entry_to_other_tiers_whatever_their_clocks_say() {
    let shop = shop(Some(SETTLE), None);
    shop.change(Depth::Hard).await;
    shop.clock.advance(STEP);
    shop.ask().await;
    let (stored, now) = (shop.stored(), shop.clock.now());
    let expected = Settling { until: now.saturating_add(SETTLE.saturating_sub(STEP)), depth: Depth::Hard };
    assert_eq!(stored.settling(), Some(expected));
    let key = crate::key::PrimaryKey::of_encoded(b"k");
    let value = codec::encode(&key, &stored).expect("it is no part");
    let read = |at: Timestamp| codec::decode(&key, &value, at, u64::MAX).expect("it is whole").settling();
    assert_eq!(read(now), Some(expected));
    assert_eq!(read(now.saturating_add(STEP)), Some(expected));
    // A reader whose clock is an hour behind: it keeps it no longer than the writer did.
    let behind = now.saturating_sub(Duration::from_hours(1));
    assert_eq!(read(behind), Some(Settling { until: behind.saturating_add(SETTLE.saturating_sub(STEP)), ..expected }));
}
