//! What `explain` says of the shared tier, and that it leaves it as it is.

use super::*;
use crate::clock::SystemClock;
use crate::engine::origin::{Body, Origin, OriginError, empty_body};
use crate::engine::refresh::RefreshOptions;
use crate::engine::shared_tier::SharedTier;
use crate::engine::{EngineParts, Handler, RequestContext};
use crate::entry::Entry;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::fleet::redis_leases::{LeaseLinks, RedisLeases};
use crate::fleet::simulated_redis::{Cable, SimulatedRedis};
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::invalidation::{Invalidation, PurgeOptions};
use crate::key::PrimaryKey;
use crate::rules::pattern::PathPattern;
use crate::rules::{Route, RuleSet};
use crate::scope::{RouteName, Scope};
use crate::store::memory::{Admission, MemoryOptions, MemoryTier};
use crate::store::tier::Tier;
use crate::store::write_behind::WriteBehind;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt, Full};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::advance;

const URL: &str = "http://shop/p";

/// An origin whose every answer is fresh for a minute.
struct Fresh;

#[async_trait::async_trait]
impl Origin for Fresh {
    async fn fetch(
        &self,
        _request: http::Request<Body>,
        _terms: crate::engine::exchange::Terms,
    ) -> Result<http::Response<Body>, OriginError> {
        let body = Full::new(Bytes::from_static(b"fresh")).map_err(|never| match never {});
        let mut response = http::Response::new(body.boxed_unsync());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        Ok(response)
    }
}

/// A tier that several instances share, as long as it is there.
#[derive(Debug, Default)]
struct SimulatedTier {
    stored: Mutex<HashMap<PrimaryKey, Variants>>,
    is_away: AtomicBool,
    lookups: AtomicU64,
}

#[async_trait::async_trait]
impl Tier for SimulatedTier {
    async fn lookup(&self, key: &PrimaryKey) -> Lookup {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        self.peek(key).await
    }

    async fn peek(&self, key: &PrimaryKey) -> Lookup {
        if self.is_away.load(Ordering::Relaxed) {
            return Lookup::Unavailable;
        }
        self.stored.lock().unwrap().get(key).map_or(Lookup::Absent, |variants| Lookup::Found(variants.clone()))
    }

    async fn admit(&self, key: &PrimaryKey, entry: Arc<Entry>, _keep_for: Duration) -> Admission {
        self.stored.lock().unwrap().insert(key.clone(), Variants::of(vec![entry]));
        Admission::Stored
    }

    async fn discard(&self, key: &PrimaryKey, _entry: &Entry) {
        self.stored.lock().unwrap().remove(key);
    }
}

/// One of several instances with one shared tier.
struct Instance {
    engine: Arc<Engine>,
    tier: Arc<SimulatedTier>,
    leases: Arc<RedisLeases>,
}

impl Instance {
    fn with(tier: Arc<SimulatedTier>, hub: &Arc<SimulatedRedis>) -> Self {
        let link = || -> Arc<dyn Link> { hub.link(Arc::new(Cable::default())) };
        let options = FleetOptions::new(String::new(), "one".to_owned());
        let writes = WriteBehind::new(tier.clone(), options.queue_bytes_max);
        let links = LeaseLinks { requests: link(), background: link(), listening: link() };
        let leases = RedisLeases::new(links, options, 0);
        tokio::spawn(Arc::clone(&writes).work());
        tokio::spawn(Arc::clone(&leases).work());
        let route = Route::plain(RouteName::new("all"), PathPattern::parse("/**").unwrap());
        let shared = SharedTier { tier: tier.clone(), writes, leases: leases.clone() };
        let engine = Engine::new(EngineParts {
            clock: Arc::new(SystemClock::default()),
            origin: Arc::new(Fresh),
            memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 1 << 20, variants_per_key_max: 4 })),
            shared: Some(shared),
            invalidation: Arc::new(Invalidation::default()),
            rules: RuleSet::new(vec![route]).unwrap(),
            refresh: RefreshOptions::default(),
            front: crate::engine::arrival::Front::default(),
        });
        Self { engine, tier, leases }
    }

    async fn get(&self) -> Outcome {
        let mut request = http::Request::new(empty_body());
        *request.uri_mut() = URL.parse().unwrap();
        let answer = self.engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await;
        answer.reply.unwrap().into_body().collect().await.unwrap();
        answer.decision.outcome
    }

    async fn explain(&self, headers: &[(HeaderName, &'static str)]) -> Explanation {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        self.engine.explain(&Method::GET, &URL.parse().unwrap(), &headers, bytes::Bytes::new()).await.unwrap()
    }

    /// Look-ups counted by the tier, and fetches claimed by this instance.
    fn counted(&self) -> (u64, u64) {
        let claims = self.leases.claims().into_iter().map(|(_, count)| count).sum();
        (self.tier.lookups.load(Ordering::Relaxed), claims)
    }
}

/// State, whether it is asked, what would happen and why.
fn told(explanation: &Explanation) -> (&'static str, bool, &'static str, &'static str) {
    let shared = explanation.shared.as_ref().expect("there is a shared tier");
    (shared.state, shared.asked, explanation.would.outcome, explanation.would.because.reason)
}

/// Two instances; the first has fetched the URL, and the shared tier has it.
async fn fetched() -> (Instance, Instance) {
    let (tier, hub) = (Arc::<SimulatedTier>::default(), SimulatedRedis::new());
    let (one, two) = (Instance::with(tier.clone(), &hub), Instance::with(tier.clone(), &hub));
    assert_eq!(told(&two.explain(&[]).await), ("absent", true, "miss", "no-entry"));
    assert_eq!((two.counted(), one.get().await), ((0, 0), Outcome::Miss));
    while tier.stored.lock().unwrap().is_empty() {
        advance(Duration::from_millis(1)).await;
    }
    (one, two)
}

#[tokio::test(start_paused = true)]
async fn what_another_instance_fetched_is_told_and_left_where_it_is() {
    let (one, two) = fetched().await;
    let before = two.counted();
    for _ in 0..2 {
        let explained = two.explain(&[]).await;
        assert_eq!(told(&explained), ("present", true, "hit", "shared-tier"));
        assert!(explained.stored.is_empty(), "it was kept in memory");
        let [stored] = &explained.shared.as_ref().unwrap().stored[..] else { panic!("{explained:?}") };
        assert!(stored.picked);
        assert_eq!((stored.standing, stored.stamp.as_str(), stored.fresh_for_secs), ("clear", "0-0", 60));
    }
    assert_eq!(two.counted(), before, "looking on was counted, or a fetch claimed");
    assert_eq!(told(&one.explain(&[]).await), ("present", false, "hit", "fresh"));
    assert_eq!(two.get().await, Outcome::Hit, "what was foretold did not happen");
}

#[tokio::test(start_paused = true)]
async fn a_purge_of_what_the_shared_tier_holds_is_told() {
    let (_one, two) = fetched().await;
    let purge = Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: PurgeSource::Admin };
    two.engine.invalidation().purge(purge, PurgeOptions::default()).await.unwrap();
    let explained = two.explain(&[]).await;
    assert_eq!(told(&explained), ("present", true, "miss", "no-entry"));
    assert_eq!(explained.shared.unwrap().stored[0].standing, "purged");
    assert_eq!(two.get().await, Outcome::Miss);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_wants_the_origins_own_word_does_not_look_there() {
    let (_one, two) = fetched().await;
    let explained = two.explain(&[(CACHE_CONTROL, "no-cache")]).await;
    assert_eq!(told(&explained), ("present", false, "miss", "no-entry"));
    assert!(explained.would.alone.is_none(), "those who come together share a validation");
    assert_eq!(explained.client_directives, Some("collapse"));
}

#[tokio::test(start_paused = true)]
async fn a_shared_tier_that_is_away_is_told_as_such() {
    let (_one, two) = fetched().await;
    two.tier.is_away.store(true, Ordering::Relaxed);
    assert_eq!(told(&two.explain(&[]).await), ("unavailable", true, "miss", "no-entry"));
    assert_eq!(two.get().await, Outcome::Miss);
}
