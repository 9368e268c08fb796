//! What a fleet costs: a hit taken from Redis beside one from memory, a purge beside many and few stored responses, and
//! the way of a purge from one instance to another. Medians and percentiles within one run, on a redis-server of its own.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Empty, Full};
use larder::testing::clock::SystemClock;
use larder::testing::config::check_rules_text;
use larder::testing::engine::{
    Body, Engine, EngineParts, Handler, Origin, OriginError, RefreshOptions, RequestContext, SharedTier,
};
use larder::testing::fleet::{FleetOptions, GuardedLink, LeaseLinks, Link, RedisLeases, RedisLink};
use larder::testing::invalidation::{
    Currency, Depth, FleetLinks, Invalidation, InvalidationOptions, Purge, PurgeOptions, PurgeSource,
};
use larder::testing::rules::RuleSet;
use larder::testing::scope::{Scope, Tag};
use larder::testing::semantics::Reason;
use larder::testing::store::{MemoryOptions, MemoryTier, RedisTier, WriteBehind};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The allocator of the program that users run: what a purge allocates comes from where a million responses lie.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEYS: usize = 3_000;
const PURGES: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let redis = RedisServer::start();
        let (one, two) = (instance(&redis, "one"), instance(&redis, "two"));
        for engine in [&one, &two] {
            while engine.invalidation().currency() == Currency::Unproven {
                tokio::task::yield_now().await;
            }
        }
        promotion(&one, &two).await;
        propagation(&one, &two).await;
        purges_beside(1_000).await;
        purges_beside(1_000_000).await;
    });
}

/// What the first hit at an instance costs more than the second, where another has fetched before.
async fn promotion(one: &Arc<Engine>, two: &Arc<Engine>) {
    for n in 0..KEYS {
        ask(one, n).await;
    }
    let (mut shared, mut memory) = (Vec::new(), Vec::new());
    for n in 0..KEYS {
        let began = Instant::now();
        let why = ask(two, n).await;
        let took = began.elapsed();
        // What was not written yet when it was asked for is another measurement.
        if why == Reason::SharedTier {
            shared.push(took);
            let began = Instant::now();
            assert_eq!(ask(two, n).await, Reason::Fresh, "what is measured");
            memory.push(began.elapsed());
        }
    }
    assert!(shared.len() > KEYS / 2, "most keys were in Redis");
    let (shared, memory) = (percentile(&mut shared, 50), percentile(&mut memory, 50));
    println!(
        "a hit from Redis, promoted to memory: {shared:?}; from memory: {memory:?}; more by {:?}",
        shared.saturating_sub(memory)
    );
}

/// From the call at one instance until the other has applied the purge.
async fn propagation(one: &Arc<Engine>, two: &Arc<Engine>) {
    let mut took = Vec::new();
    for n in 0..PURGES {
        let began = Instant::now();
        let receipt = one.invalidation().purge(purge(n), PurgeOptions::default()).await.expect("Redis is there");
        while two.invalidation().applied() < receipt.stamp {
            tokio::task::yield_now().await;
        }
        took.push(began.elapsed());
    }
    let (median, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
    println!("a purge, from the call at one instance to its effect at the other: median {median:?}, P99 {p99:?}");
}

/// A tag purge where so many responses are stored, each with that tag.
async fn purges_beside(stored: usize) {
    let invalidation = Arc::new(Invalidation::default());
    let engine = engine(Arc::clone(&invalidation), None);
    for n in 0..stored {
        ask(&engine, n).await;
    }
    let mut took = Vec::new();
    for n in 0..PURGES {
        let began = Instant::now();
        invalidation.purge(purge(n), PurgeOptions::default()).await.expect("the log is a counter");
        took.push(began.elapsed());
    }
    let entries = engine.memory().usage().entries;
    println!("a tag purge with {entries} responses stored: median {:?}", percentile(&mut took, 50));
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() - 1) * percent / 100]
}

fn purge(n: usize) -> Purge {
    let tag = if n.is_multiple_of(2) { "catalog".to_owned() } else { format!("product:{n}") };
    let scopes = vec![Scope::Tag(Tag::new(&tag).expect("it is a tag"))];
    Purge { scopes, depth: Depth::Hard, source: PurgeSource::Admin }
}

async fn ask(engine: &Arc<Engine>, n: usize) -> Reason {
    let mut request = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *request.uri_mut() = format!("/api/products/{n}").parse().expect("it is a path");
    *request.headers_mut() = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("shop.example.com"))]);
    let answer = engine.handle(request, RequestContext::direct(Scheme::HTTP, None)).await;
    answer.reply.expect("a response").into_body().collect().await.expect("a whole body");
    answer.decision.reason
}

#[derive(Debug)]
struct Constant;

#[async_trait::async_trait]
impl Origin for Constant {
    async fn fetch(
        &self,
        _: Request<Body>,
        _terms: larder::testing::engine::Terms,
    ) -> Result<Response<Body>, OriginError> {
        let body = Full::from(vec![b' '; 100]).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().header("content-type", "application/json").body(body).expect("a valid response"))
    }
}

fn rules() -> RuleSet {
    let route = "[[route]]\npath = \"/api/products/{id}\"\nttl = \"1h\"\ntags = [\"product:{id}\", \"catalog\"]\n";
    check_rules_text(route).expect("the rules above").rule_set
}

fn engine(invalidation: Arc<Invalidation>, shared: Option<SharedTier>) -> Arc<Engine> {
    Engine::new(EngineParts {
        clock: Arc::new(SystemClock::default()),
        origin: Arc::new(Constant),
        memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 4 << 30, variants_per_key_max: 4 })),
        shared,
        invalidation,
        rules: rules(),
        refresh: RefreshOptions::default(),
        front: larder::testing::engine::Front::default(),
    })
}

fn instance(redis: &RedisServer, name: &str) -> Arc<Engine> {
    let options = FleetOptions::new(format!("redis://127.0.0.1:{}", redis.port), name.to_owned());
    let background = || -> Arc<dyn Link> { RedisLink::open(&options).expect("it is an address") };
    let guarded = GuardedLink::over(background());
    tokio::spawn(Arc::clone(&guarded).probe());
    let requests: Arc<dyn Link> = guarded;
    let links = FleetLinks { requests: Arc::clone(&requests), reader: background() };
    let (invalidation, reading) = Invalidation::in_fleet(links, options.clone(), InvalidationOptions::default());
    let (clock, writes) = (Arc::new(SystemClock::default()), background());
    let tier = RedisTier::new(Arc::clone(&requests), Arc::clone(&writes), options.clone(), clock);
    let behind = WriteBehind::new(tier.clone(), options.queue_bytes_max);
    let links = LeaseLinks { requests, background: writes, listening: background() };
    let leases = RedisLeases::new(links, options.clone(), 0);
    tokio::spawn(reading);
    tokio::spawn(Arc::clone(&behind).work());
    tokio::spawn(Arc::clone(&leases).work());
    engine(invalidation, Some(SharedTier { tier, writes: behind, leases }))
}

/// A redis-server on a free port, without persistence; it ends with this.
struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let process =
            command.stdout(Stdio::null()).spawn().expect("scripts/install-prerequisites.sh bench installs it");
        Self { process, port }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
