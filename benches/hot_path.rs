//! The parts of a hit, each by itself, and the whole of it above the socket.

use criterion::{Criterion, criterion_group, criterion_main};
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Full};
use larder::testing::clock::{Clock, SystemClock};
use larder::testing::config::check_rules_text;
use larder::testing::engine::{Body, Engine, EngineParts, Handler, Origin, OriginError, RequestContext};
use larder::testing::invalidation::Invalidation;
use larder::testing::rules::{Route, RouteVerdict, RuleSet, product_tags};
use larder::testing::semantics::{
    CacheStatus, ExchangeTimes, RequestDirectives, ResponsePolicy, Target, Validity, judge,
};
use larder::testing::store::{MemoryOptions, MemoryTier};
use std::hint::black_box;
use std::sync::Arc;

const PATH: &str = "/api/products/4711?currency=EUR&utm_source=mail";

/// The rules of a shop with many routes, the one that matches last.
fn rules() -> RuleSet {
    let route = |number| format!("[[route]]\nname = \"r{number}\"\npath = \"/api/v{number}/{{id}}\"\nttl = \"1m\"\n");
    let mut text = (0..50).map(route).collect::<Vec<_>>().concat();
    text.push_str("[[route]]\nname = \"product\"\npath = \"/api/products/{id}\"\nttl = \"5m\"\n");
    text.push_str("query = { allow = [\"currency\", \"lang\"] }\ntags = [\"product:{id}\", \"catalog\"]\n");
    check_rules_text(&text).expect("the rules above").rule_set
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (HOST, HeaderValue::from_static("shop.example.com")),
        (USER_AGENT, HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")),
        (ACCEPT, HeaderValue::from_static("application/json")),
        (ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br")),
    ])
}

fn target() -> Target {
    Target::settle(&Uri::from_static(PATH), &headers(), &Scheme::HTTP).expect("a valid target")
}

fn route(rules: &RuleSet) -> Arc<Route> {
    let RouteVerdict::Cache(route) = rules.decide(&Method::GET, &target()) else { panic!("the product route matches") };
    route
}

fn matching(bench: &mut Criterion) {
    let (rules, headers) = (rules(), headers());
    let uri = Uri::from_static(PATH);
    bench.bench_function("settle the target", |b| {
        b.iter(|| Target::settle(black_box(&uri), black_box(&headers), &Scheme::HTTP));
    });
    let target = target();
    bench.bench_function("match among 51 routes", |b| {
        b.iter(|| rules.decide(&Method::GET, black_box(&target)));
    });
    let route = route(&rules);
    bench.bench_function("build the key", |b| {
        b.iter(|| route.primary_key(&route.keyed_target(black_box(target.clone())), black_box(&headers)));
    });
}

fn judging(bench: &mut Criterion) {
    let rules = rules();
    let now = SystemClock::default().now();
    let stored = HeaderMap::from_iter([(http::header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))]);
    let times = ExchangeTimes { requested_at: now, received_at: now };
    bench.bench_function("read a response's policy", |b| {
        b.iter(|| ResponsePolicy::parse(StatusCode::OK, black_box(&stored), times));
    });
    let policy = ResponsePolicy::parse(StatusCode::OK, &stored, times);
    let lifetime = route(&rules).lifetime.lifetime(&policy, 0);
    let presented = headers();
    bench.bench_function("judge a stored response", |b| {
        b.iter(|| {
            let presented = RequestDirectives::parse(black_box(&presented));
            judge(black_box(&policy), &lifetime, Validity::ByAge, &presented, now)
        });
    });
    let status = CacheStatus { ttl_secs: Some(271), ..CacheStatus::HIT };
    bench.bench_function("write Cache-Status", |b| b.iter(|| black_box(status).to_header_value()));
}

/// An origin that answers everything with 1 KiB of JSON.
#[derive(Debug)]
struct Constant;

#[async_trait::async_trait]
impl Origin for Constant {
    async fn fetch(
        &self,
        _: Request<Body>,
        _terms: larder::testing::engine::Terms,
    ) -> Result<Response<Body>, OriginError> {
        let body = Full::from(vec![b' '; 1024]).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().header("content-type", "application/json").body(body).expect("a valid response"))
    }
}

fn whole_hit(bench: &mut Criterion) {
    let clock = Arc::new(SystemClock::default());
    let memory = MemoryOptions { size_bytes: 64 << 20, variants_per_key_max: 32 };
    let engine = Engine::new(EngineParts {
        clock,
        origin: Arc::new(Constant),
        memory: Arc::new(MemoryTier::new(memory)),
        shared: None,
        invalidation: Arc::new(Invalidation::default()),
        rules: rules(),
        refresh: larder::testing::engine::RefreshOptions::default(),
        front: larder::testing::engine::Front::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ask = || async {
        let mut request = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *request.uri_mut() = Uri::from_static(PATH);
        *request.headers_mut() = headers();
        let answer = engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await;
        let body = answer.reply.expect("a response").into_body().collect().await.expect("a whole body");
        (answer.decision.outcome, body)
    };
    runtime.block_on(ask());
    let (outcome, _) = runtime.block_on(ask());
    assert_eq!(outcome.label(), "hit", "what is measured below");
    bench.bench_function("a whole hit above the socket", |b| b.iter(|| runtime.block_on(ask())));
}

/// The answer to a list of products, as GraphQL gives it: about 60 KiB.
fn list_of_products() -> Vec<u8> {
    let product = |id: u32| {
        let variant = |size: u32| {
            serde_json::json!({
                "__typename": "ProductVariant", "id": id * 10 + size, "sku": format!("TEA-{id}-{size}"), "price": 1290 * size,
            })
        };
        let variants = [1, 2, 3].map(variant);
        serde_json::json!({
            "__typename": "Product", "id": id.to_string(), "name": format!("Tea number {id}"),
            "description": "A tea that is picked by hand, and dried in the sun. ".repeat(4),
            "asset": { "__typename": "Asset", "id": id + 1000, "preview": "https://shop.example.com/assets/tea.jpg" },
            "variants": variants,
        })
    };
    let items: Vec<_> = (1..=100).map(product).collect();
    let list = serde_json::json!({ "__typename": "ProductList", "totalItems": 100, "items": items });
    serde_json::json!({ "data": { "products": list } }).to_string().into_bytes()
}

fn tagging(bench: &mut Criterion) {
    let answer = list_of_products();
    assert_eq!(product_tags(&answer).map(|tags| tags.len()), Some(100), "what is measured below");
    bench.bench_function("parse a GraphQL answer once, into a tree", |b| {
        b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&answer)));
    });
    bench.bench_function("tag a GraphQL answer by its types", |b| b.iter(|| product_tags(black_box(&answer))));
}

criterion_group!(parts, matching, judging, whole_hit, tagging);
criterion_main!(parts);
