//! `ttl = { adaptive = […] }`: what is learned of each key, with a clock that stands until it is moved.

use crate::clock::{Clock as _, ManualClock, Timestamp};
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, Origin, OriginError, empty_body};
use crate::engine::outcome::Outcome;
use crate::engine::refresh::RefreshOptions;
use crate::engine::{Engine, EngineParts, Handler, RequestContext};
use crate::entry::Entry;
use crate::invalidation::Invalidation;
use crate::invalidation::PurgeOptions;
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::rules::pattern::PathPattern;
use crate::rules::{Route, RuleSet};
use crate::scope::{RouteName, Scope};
use crate::store::codec;
use crate::store::memory::{MemoryOptions, MemoryTier};
use http::header::{ETAG, HOST, IF_NONE_MATCH};
use http::uri::Scheme;
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whether an origin has validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tagged {
    Yes,
    No,
}

/// An origin whose page has a version.
struct Page {
    tagged: Tagged,
    version: AtomicU64,
}

#[async_trait::async_trait]
impl Origin for Page {
    async fn fetch(&self, request: http::Request<Body>, _: Terms) -> Result<http::Response<Body>, OriginError> {
        let version = self.version.load(Ordering::Relaxed);
        let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("a number in quotes");
        let mut response = if request.headers().get(IF_NONE_MATCH) == Some(&tag) {
            let mut response = http::Response::new(empty_body());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let body = Full::new(format!("version {version}").into()).map_err(|never| match never {});
            http::Response::new(body.boxed_unsync())
        };
        if self.tagged == Tagged::Yes {
            response.headers_mut().insert(ETAG, tag);
        }
        Ok(response)
    }
}

struct Shop {
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    page: Arc<Page>,
}

const MIN: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_secs(100);

fn shop(tagged: Tagged) -> Shop {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_790_000_000)));
    let page = Arc::new(Page { tagged, version: AtomicU64::new(1) });
    let mut route = Route::plain(RouteName::new("all"), PathPattern::parse("/**").expect("it is a pattern"));
    (route.lifetime.ttl, route.lifetime.adaptive_max) = (Some(MIN), Some(MAX));
    let engine = Engine::new(EngineParts {
        clock: Arc::clone(&clock) as Arc<dyn crate::clock::Clock>,
        origin: Arc::clone(&page) as Arc<dyn Origin>,
        memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 4 })),
        shared: None,
        invalidation: Arc::new(Invalidation::default()),
        rules: RuleSet::new(vec![route]).expect("one route makes a rule set"),
        refresh: RefreshOptions::default(),
        front: crate::engine::arrival::Front::default(),
    });
    Shop { engine, clock, page }
}

impl Shop {
    async fn ask(&self) -> Outcome {
        let mut request = http::Request::new(empty_body());
        *request.uri_mut() = http::Uri::from_static("/p");
        request.headers_mut().insert(HOST, HeaderValue::from_static("shop.example.com"));
        let answer = self.engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await;
        let body = answer.reply.expect("the origin answers").into_body().collect().await.expect("it is whole");
        let version = self.page.version.load(Ordering::Relaxed);
        assert_eq!(body.to_bytes(), format!("version {version}"), "nothing changes while it is fresh here");
        answer.decision.outcome
    }

    /// For how many seconds it is fresh once it has been asked for: the clock is moved until it is not.
    async fn fresh_for(&self) -> u64 {
        for seconds in 1..=200 {
            self.clock.advance(Duration::from_secs(1));
            if self.ask().await != Outcome::Hit {
                return seconds;
            }
        }
        panic!("it is fresh for ever");
    }

    fn stored(&self) -> Arc<Entry> {
        let variants = self.engine.memory().scan(1).next().expect("it is stored");
        Arc::clone(&variants.entries()[0])
    }
}

#[tokio::test]
async fn a_lifetime_grows_while_nothing_changes_and_starts_again_with_a_change() {
    for tagged in [Tagged::Yes, Tagged::No] {
        let shop = shop(tagged);
        assert_eq!(shop.ask().await, Outcome::Miss);
        let mut lifetimes = Vec::new();
        for _ in 0..9 {
            lifetimes.push(shop.fresh_for().await);
        }
        // Half of 0, 10, 20, 30, 45, 68, 102, 153 and 230 seconds, as seen once a second.
        assert_eq!(lifetimes, [10, 10, 10, 15, 23, 34, 51, 77, 100], "{tagged:?}");
        shop.page.version.store(2, Ordering::Relaxed);
        shop.clock.advance(MAX);
        assert_eq!(shop.ask().await, Outcome::Miss, "{tagged:?}");
        assert_eq!(shop.fresh_for().await, 10, "{tagged:?}");
    }
}

#[tokio::test]
async fn a_purge_of_what_has_changed_starts_again_and_one_of_what_has_not_does_not() {
    let shop = shop(Tagged::No);
    shop.ask().await;
    for _ in 0..6 {
        shop.fresh_for().await;
    }
    let purge = || async {
        let purge = Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: PurgeSource::Admin };
        shop.engine.invalidation().purge(purge, PurgeOptions::default()).await.expect("the log is here");
    };
    purge().await;
    assert_eq!(shop.ask().await, Outcome::Miss);
    let unchanged = shop.fresh_for().await;
    assert!(unchanged >= 50, "{unchanged}");
    shop.page.version.store(2, Ordering::Relaxed);
    purge().await;
    assert_eq!(shop.ask().await, Outcome::Miss);
    assert_eq!(shop.fresh_for().await, 10);
}

#[tokio::test]
async fn what_was_learned_goes_with_the_entry_to_other_tiers() {
    let shop = shop(Tagged::Yes);
    shop.ask().await;
    for _ in 0..6 {
        shop.fresh_for().await;
    }
    let stored = shop.stored();
    let unchanged_for = stored.policy().unchanged_for;
    assert_eq!(unchanged_for, Duration::from_secs(102));
    let key = crate::key::PrimaryKey::of_encoded(b"k");
    let value = codec::encode(&key, &stored).expect("it is no part");
    let read = codec::decode(&key, &value, shop.clock.now(), u64::MAX).expect("it is whole");
    assert_eq!(read.policy().unchanged_for, unchanged_for);
}
