//! What an audit says of an answer that was served although a purge had covered it: a fault that is made here.

use crate::clock::{Clock, ManualClock, Timestamp};
use crate::consistency::{Found, Occasion};
use crate::deliberate_fault::{self, Fault};
use crate::engine::exchange::Terms;
use crate::engine::origin::{Body, Origin, OriginError, empty_body};
use crate::engine::outcome::Outcome;
use crate::engine::refresh::RefreshOptions;
use crate::engine::{Engine, EngineParts, Handler, RequestContext};
use crate::invalidation::purge::{Depth, Purge, PurgeSource};
use crate::invalidation::{Invalidation, PurgeOptions};
use crate::rules::audit::AuditRule;
use crate::rules::pattern::PathPattern;
use crate::rules::{Route, RuleSet};
use crate::scope::{RouteName, Scope, Tag};
use crate::store::memory::{MemoryOptions, MemoryTier};
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::advance;

/// An origin whose page changes with each version.
#[derive(Default)]
struct Page {
    version: AtomicU64,
    asked: AtomicU64,
}

#[async_trait::async_trait]
impl Origin for Page {
    async fn fetch(&self, _: Request<Body>, _: Terms) -> Result<Response<Body>, OriginError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let version = self.version.load(Ordering::Relaxed);
        let body = Full::new(format!("version {version}").into()).map_err(|never| match never {});
        Ok(Response::new(body.boxed_unsync()))
    }
}

struct Shop {
    engine: Arc<Engine>,
    page: Arc<Page>,
}

fn scope(tag: &str) -> Scope {
    Scope::Tag(Tag::new(tag).expect("a tag"))
}

/// A shop whose every hit is audited, and whose pages carry the tag `all`.
fn shop() -> Shop {
    let page = Arc::<Page>::default();
    let mut route = Route::plain(RouteName::new("page"), PathPattern::parse("/**").expect("a pattern"));
    route.lifetime.ttl = Some(Duration::from_hours(1));
    route.audit = Some(AuditRule { share: 1.0, ignore: Vec::new() });
    let engine = Engine::new(EngineParts {
        clock: Arc::new(ManualClock::new(Timestamp::from_secs(1_790_000_000))) as Arc<dyn Clock>,
        origin: Arc::clone(&page) as Arc<dyn Origin>,
        memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 4 })),
        shared: None,
        invalidation: Arc::new(Invalidation::default()),
        rules: RuleSet::new(vec![route]).expect("one route makes a rule set"),
        refresh: RefreshOptions::default(),
        front: crate::engine::arrival::Front::default(),
    });
    tokio::spawn(Arc::clone(&engine).compare_with_the_origin());
    Shop { engine, page }
}

impl Shop {
    async fn ask(&self) -> Outcome {
        let mut request = Request::new(empty_body());
        *request.uri_mut() = Uri::from_static("/p");
        request.headers_mut().insert(HOST, HeaderValue::from_static("shop.example.com"));
        let answer = self.engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await;
        answer.reply.expect("the origin answers").into_body().collect().await.expect("it is whole");
        answer.decision.outcome
    }

    async fn purge(&self, scopes: Vec<Scope>) {
        let purge = Purge { scopes, depth: Depth::Hard, source: PurgeSource::Admin };
        self.engine.invalidation().purge(purge, PurgeOptions::default()).await.expect("the log is here");
    }

    fn changes(&self) {
        self.page.version.fetch_add(1, Ordering::Relaxed);
    }

    /// What is found next.
    async fn found(&self) -> Arc<Found> {
        loop {
            if let Some(found) = self.engine.consistency().found().first() {
                return Arc::clone(found);
            }
            advance(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_came_and_was_not_obeyed_is_named_also_where_another_has_come_since() {
    for later in [None, Some(Scope::All)] {
        let shop = shop();
        assert_eq!(shop.ask().await, Outcome::Miss);
        shop.changes();
        let route = Scope::Route(RouteName::new("page"));
        shop.purge(vec![scope("another"), route.clone()]).await;
        let applied = shop.engine.invalidation().applied();
        deliberate_fault::switch(Some(Fault::PurgeIgnored));
        assert_eq!(shop.ask().await, Outcome::Hit, "the fault is made");
        deliberate_fault::switch(None);
        // Once it is being compared, a later purge is no excuse.
        while shop.page.asked.load(Ordering::Relaxed) < 2 {
            advance(Duration::from_millis(1)).await;
        }
        if let Some(later) = later {
            shop.purge(vec![later]).await;
        }
        let found = shop.found().await;
        let ignored = found.ignored_purge.as_ref().expect("it is named");
        assert_eq!((ignored.stamp, ignored.scope.as_ref()), (applied, Some(&route)));
        assert_eq!((found.occasion, found.url.as_str()), (Occasion::Hit, "http://shop.example.com/p"));
        assert_ne!(found.served.digest, found.origin.digest);
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_purged_names_no_purge() {
    let shop = shop();
    assert_eq!(shop.ask().await, Outcome::Miss);
    shop.changes();
    shop.purge(vec![scope("another")]).await;
    assert_eq!(shop.ask().await, Outcome::Hit, "the purge covers something else");
    assert!(shop.found().await.ignored_purge.is_none());
}
