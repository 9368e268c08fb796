//! What `explain` tells of the shared tier, and that it leaves it as it is.

use super::*;
use crate::clock::SystemClock;
use crate::engine::origin::{Body, Origin, OriginError};
use crate::engine::refresh::RefreshOptions;
use crate::engine::shared::Shared;
use crate::engine::{EngineParts, Handler, RequestContext};
use crate::fleet::fetch_leases::{FetchLeases, LeaseLinks};
use crate::fleet::guarded_link::GuardedLink;
use crate::fleet::link::Link;
use crate::fleet::names::Names;
use crate::fleet::options::FleetOptions;
use crate::fleet::simulated_redis::{Passage, SimulatedRedis, Wire};
use crate::invalidation::local_log::LocalLog;
use crate::invalidation::purge::{Depth, Purge, Source};
use crate::invalidation::{Invalidation, PurgeOptions};
use crate::rules::pattern::PathPattern;
use crate::rules::{Route, RuleSet};
use crate::scope::{RouteName, Scope};
use crate::store::memory::{MemoryOptions, MemoryTier};
use crate::store::redis::RedisTier;
use crate::store::write_behind::WriteBehind;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::{BodyExt, Full};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, advance};

const URL: &str = "http://shop/p";
const TIMEOUT: Duration = Duration::from_millis(50);

/// An origin whose every answer is fresh for a minute.
struct Fresh;

#[async_trait::async_trait]
impl Origin for Fresh {
    async fn fetch(&self, _request: http::Request<Body>) -> Result<http::Response<Body>, OriginError> {
        let body = Full::new(Bytes::from_static(b"fresh")).map_err(|never| match never {});
        let mut response = http::Response::new(body.boxed_unsync());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        Ok(response)
    }
}

/// A way to Redis that may be cut.
#[derive(Debug, Default)]
struct Cut(AtomicBool);

impl Wire for Cut {
    fn next(&self) -> Passage {
        if self.0.load(Ordering::Relaxed) {
            return Passage::LostThere;
        }
        Passage::Through { there: Duration::ZERO, back: Duration::ZERO }
    }
}

/// One of several instances on one Redis.
struct Instance {
    engine: Arc<Engine>,
    tier: Arc<RedisTier>,
    wire: Arc<Cut>,
}

impl Instance {
    fn on(redis: &Arc<SimulatedRedis>) -> Self {
        let (clock, wire) = (Arc::new(SystemClock::default()), Arc::new(Cut::default()));
        let link = || -> Arc<dyn Link> { redis.link(wire.clone()) };
        let requests: Arc<dyn Link> = GuardedLink::over(link());
        let options = FleetOptions {
            url: String::new(),
            ca_pem: None,
            names: Names::below("larder"),
            instance: "one".to_owned(),
            timeout: TIMEOUT,
            partition_grace: Duration::from_secs(30),
            value_bytes_max: 1 << 20,
            queue_bytes_max: 1 << 20,
            log_retention: Duration::from_hours(24),
        };
        let tier = RedisTier::new(Arc::clone(&requests), link(), options.clone(), clock.clone());
        let (writes, writing) = WriteBehind::new(tier.clone(), options.queue_bytes_max);
        let links = LeaseLinks { requests, background: link(), listening: link() };
        let (leases, leasing) = FetchLeases::new(links, options, 0);
        tokio::spawn(writing);
        tokio::spawn(leasing);
        let route = Route::plain(RouteName::new("all"), PathPattern::parse("/**").unwrap());
        let engine = Engine::new(EngineParts {
            clock,
            origin: Arc::new(Fresh),
            memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 1 << 20, variants_per_key_max: 4 })),
            shared: Some(Shared { tier: tier.clone(), writes, leases, answered: Arc::default() }),
            invalidation: Arc::new(Invalidation::new(Arc::new(LocalLog::new()))),
            rules: RuleSet::new(vec![route]).unwrap(),
            refresh: RefreshOptions::default(),
        });
        Self { engine, tier, wire }
    }

    async fn get(&self) -> Outcome {
        let mut request = http::Request::new(empty_body());
        *request.uri_mut() = URL.parse().unwrap();
        let answer = self.engine.handle(request, RequestContext { scheme: Scheme::HTTP }).await;
        answer.reply.unwrap().into_body().collect().await.unwrap();
        answer.decision.outcome
    }

    async fn explain(&self, headers: &[(HeaderName, &'static str)]) -> Explanation {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        self.engine.explain(&Method::GET, &URL.parse().unwrap(), &headers).await.unwrap()
    }

    async fn until_written(&self) {
        let written = |tier: &RedisTier| tier.usage().writes.iter().any(|count| *count == ("stored", 1));
        while !written(&self.tier) {
            advance(Duration::from_millis(1)).await;
        }
    }
}

/// State, whether it is asked, what would happen and why.
fn told(explanation: &Explanation) -> (&'static str, bool, &'static str, &'static str) {
    let shared = explanation.shared.as_ref().expect("there is a shared tier");
    (shared.state, shared.asked, explanation.would.outcome, explanation.would.because.reason)
}

/// Two instances; the first has fetched the URL, and Redis holds it.
async fn fetched() -> (Instance, Instance, Arc<SimulatedRedis>) {
    let redis = SimulatedRedis::new();
    let (one, two) = (Instance::on(&redis), Instance::on(&redis));
    assert_eq!(told(&two.explain(&[]).await), ("absent", true, "miss", "not-stored"));
    assert_eq!(one.get().await, Outcome::Miss);
    one.until_written().await;
    (one, two, redis)
}

#[tokio::test(start_paused = true)]
async fn what_another_instance_fetched_is_told_and_left_where_it_is() {
    let (one, two, redis) = fetched().await;
    let ask = |command, key: String| redis.execute(redis::cmd(command).arg(key)).unwrap();
    for _ in 0..2 {
        let explained = two.explain(&[]).await;
        assert_eq!(told(&explained), ("present", true, "hit", "shared-tier"));
        assert!(explained.stored.is_empty(), "it was kept in memory");
        let [stored] = &explained.shared.as_ref().unwrap().stored[..] else { panic!("{explained:?}") };
        assert!(stored.picked);
        assert_eq!((stored.standing, stored.stamp.as_str(), stored.fresh_for_secs), ("clear", "0-0", 60));
        let key = explained.key.as_ref().unwrap();
        assert_eq!(ask("HLEN", format!("larder:entry:{key}")), redis::Value::Int(1));
        assert_eq!(ask("GET", format!("larder:fetch:{key}")), redis::Value::Nil, "a fetch was claimed");
    }
    let counted = two.tier.usage().lookups.into_iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(counted, 0, "looking on was counted");
    assert_eq!(told(&one.explain(&[]).await), ("present", false, "hit", "fresh"));
    assert_eq!(two.get().await, Outcome::Hit, "what was foretold did not happen");
}

#[tokio::test(start_paused = true)]
async fn a_purge_of_what_redis_holds_is_told() {
    let (_one, two, _redis) = fetched().await;
    let purge = Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: Source::Admin };
    two.engine.invalidation().purge(purge, PurgeOptions::default()).await.unwrap();
    let explained = two.explain(&[]).await;
    assert_eq!(told(&explained), ("present", true, "miss", "not-stored"));
    assert_eq!(explained.shared.unwrap().stored[0].standing, "purged");
    assert_eq!(two.get().await, Outcome::Miss);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_wants_the_origins_own_word_does_not_look_there() {
    let (_one, two, _redis) = fetched().await;
    let explained = two.explain(&[(CACHE_CONTROL, "no-cache")]).await;
    assert_eq!(told(&explained), ("present", false, "miss", "not-stored"));
    assert_eq!(explained.would.alone.unwrap().reason, "request-no-cache");
}

#[tokio::test(start_paused = true)]
async fn a_redis_that_is_away_holds_an_explanation_up_once_and_no_longer_than_a_request() {
    let (_one, two, _redis) = fetched().await;
    two.wire.0.store(true, Ordering::Relaxed);
    for wait in [TIMEOUT, Duration::ZERO] {
        let began = Instant::now();
        assert_eq!(told(&two.explain(&[]).await), ("unavailable", true, "miss", "not-stored"));
        assert_eq!(began.elapsed(), wait);
    }
}
