//! A house to test in: a shop behind an engine, and the admin API of that engine on a socket.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use larder::testing::admin::{AdminState, Readiness, serve};
use larder::testing::clock::{Clock, ManualClock, Timestamp};
use larder::testing::config::{AdminOptions, RulesReloader};
use larder::testing::engine::{Body, Engine, EngineParts, Handler, Origin, OriginError, RequestContext, empty_body};
use larder::testing::fleet::{FleetOptions, Link};
use larder::testing::invalidation::{FleetLinks, Invalidation, InvalidationOptions};
use larder::testing::jobs::Jobs;
use larder::testing::learning::Learning;
use larder::testing::metrics::Metrics;
use larder::testing::rules::PoolName;
use larder::testing::rules::{HostPattern, PathPattern, QueryRule, Route, RuleSet, TagTemplate};
use larder::testing::scope::RouteName;
use larder::testing::store::{MemoryOptions, MemoryTier};
use larder::testing::upstream::{Pools, UpstreamOptions};
use larder::testing::warming::Warming;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The token of every house that has one.
pub const TOKEN: &str = "s3cret";

/// What a house is made of besides the usual.
pub struct Plan {
    pub token: Option<&'static str>,
    /// How it comes to Redis, where it is one of a fleet.
    pub link: Option<Arc<dyn Link>>,
    /// The text of the rules that a reload finds.
    pub rules: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self { token: Some(TOKEN), link: None, rules: GOOD_RULES }
    }
}

/// A shop, an engine, and its admin API.
pub struct House {
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    pub readiness: Arc<Readiness>,
    pub address: std::net::SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    _rules_folder: TempDir,
}

/// Answers every request with 200, a minute's freshness, another of staleness, and the number of requests so far.
#[derive(Default)]
struct Shop {
    asked: AtomicU64,
}

#[async_trait::async_trait]
impl Origin for Shop {
    async fn fetch(
        &self,
        request: Request<Body>,
        _terms: larder::testing::engine::Terms,
    ) -> Result<Response<Body>, OriginError> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let body = Full::from(format!("{count} {}", request.uri()));
        let body = body.map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().header("cache-control", "max-age=60, stale-while-revalidate=60").body(body).unwrap())
    }
}

/// One route.
pub const GOOD_RULES: &str =
    "[[route]]\nname = \"product\"\npath = \"/api/products/{id}\"\nttl = \"1m\"\ncookies = []\n";

/// A key that is misspelt in line 3.
pub const BAD_RULES: &str = "[[route]]\nname = \"product\"\ntll = \"1m\"\n";

/// Rules read from a folder that holds this text now.
fn reloader(rules: &str, clock: Arc<dyn Clock>) -> (RulesReloader, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.toml"), rules).unwrap();
    let before = vec![(PathBuf::from("rules/shop.toml"), "[[route]]".to_owned())];
    (RulesReloader::new(folder.path(), &[], before, clock, |_| ()), folder)
}

fn allow(names: &[&str]) -> QueryRule {
    let mut set = globset::GlobSetBuilder::new();
    for name in names {
        set.add(globset::Glob::new(name).unwrap());
    }
    QueryRule::Allow(set.build().unwrap())
}

/// `product`, `search` (keyed by `q`), `hosted` (under one host, keyed by `page`), `all`.
fn rules() -> RuleSet {
    let route = |name, path| Route::plain(RouteName::new(name), PathPattern::parse(path).unwrap());
    let mut product = route("product", "/api/products/{id}");
    product.tags = vec![TagTemplate::parse("product:{id}").unwrap(), TagTemplate::parse("catalog").unwrap()];
    let mut hosted = route("hosted", "/api/search");
    hosted.host = Some(HostPattern::parse("*.example.com").unwrap());
    hosted.key.query = allow(&["page"]);
    let mut search = route("search", "/api/search");
    search.key.query = allow(&["q"]);
    RuleSet::new(vec![product, hosted, search, route("all", "/**")]).unwrap()
}

fn engine(clock: Arc<dyn Clock>, link: Option<Arc<dyn Link>>) -> Arc<Engine> {
    let options = InvalidationOptions {
        instance: "one".to_owned(),
        clock: Arc::clone(&clock),
        run: 0xbeef,
        ..InvalidationOptions::default()
    };
    Engine::new(EngineParts {
        clock,
        origin: Arc::new(Shop::default()),
        memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 8 << 20, variants_per_key_max: 8 })),
        shared: None,
        invalidation: match link {
            None => Arc::new(Invalidation::alone(options)),
            Some(link) => in_fleet(link, options),
        },
        rules: rules(),
        refresh: larder::testing::engine::RefreshOptions::default(),
        front: larder::testing::engine::Front::default(),
    })
}

fn in_fleet(link: Arc<dyn Link>, options: InvalidationOptions) -> Arc<Invalidation> {
    let links = FleetLinks { requests: Arc::clone(&link), reader: link };
    let fleet = FleetOptions {
        timeout: Duration::from_secs(1),
        partition_grace: Duration::from_secs(4),
        join_wait: Duration::ZERO,
        ..FleetOptions::new(String::new(), "one".to_owned())
    };
    let (invalidation, reading) = Invalidation::in_fleet(links, fleet, options);
    tokio::spawn(reading);
    invalidation
}

/// Two pools that nobody asks.
fn upstream() -> Arc<Pools> {
    let pool = |urls: &[&str]| UpstreamOptions::of(urls.iter().map(|url| url.parse().unwrap()).collect());
    let search = vec![(PoolName::new("search"), pool(&["http://127.0.0.1:9"]))];
    Pools::new(pool(&["http://127.0.0.1:7", "http://[::1]:8"]), search).unwrap()
}

fn metrics(engine: &Arc<Engine>) -> Arc<Metrics> {
    Arc::new(Metrics::new(vec![Arc::clone(engine.memory()) as _, Arc::clone(engine.invalidation()) as _]))
}

/// Builds a house as planned. It stands until the test's runtime ends.
pub async fn build(plan: Plan) -> House {
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_000)));
    let engine = engine(Arc::clone(&clock) as Arc<dyn Clock>, plan.link);
    let metrics = metrics(&engine);
    let readiness = Arc::new(Readiness::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let jobs = Jobs::new(clock.clone());
    let (rules, rules_folder) = reloader(plan.rules, clock.clone());
    let state = AdminState {
        cdns: Arc::default(),
        webhooks: Arc::default(),
        engine: Arc::clone(&engine),
        events: larder::testing::events::Intake::new(Arc::clone(&engine)),
        metrics: Arc::clone(&metrics),
        decisions: larder::testing::decisions::Decisions::new(clock.clone(), Arc::clone(&engine)),
        rules: Arc::new(rules),
        upstream: upstream(),
        warming: Warming::new(Arc::clone(&engine), Arc::clone(&jobs), None),
        learning: Learning::new(clock.clone(), Arc::clone(&jobs)),
        jobs,
        readiness: Arc::clone(&readiness),
        started_at: clock.now(),
        clock,
    };
    let mut options = AdminOptions::on(address);
    options.token = plan.token.map(str::to_owned);
    tokio::spawn(serve(listener, state, options, std::future::pending()));
    let client = Client::builder(TokioExecutor::new()).build_http();
    House { engine, metrics, readiness, address, client, _rules_folder: rules_folder }
}

/// An answer of the admin API.
#[derive(Debug)]
pub struct Said {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Said {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// One field of the head.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl House {
    /// A request to the admin API with token and, where it has a body, the JSON content type.
    pub fn ask(&self, method: Method, path: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(HOST, "localhost")
            .body(Full::default())
            .unwrap()
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Said {
        let answer = tokio::time::timeout(Duration::from_secs(10), async {
            let (head, body) = self.client.request(request).await.unwrap().into_parts();
            (head, body.collect().await.unwrap().to_bytes())
        });
        let (head, body) = answer.await.expect("the admin API answers within the deadline");
        Said { status: head.status, headers: head.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// GET with the token.
    pub async fn get(&self, path: &str) -> Said {
        self.send(self.ask(Method::GET, path)).await
    }

    /// Sends a request whose answer may have no end: its head, and its body as it comes.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let answer = tokio::time::timeout(Duration::from_secs(10), self.client.request(request));
        answer.await.expect("the admin API answers within the deadline").unwrap()
    }

    /// POST of a JSON text with the token.
    pub async fn post(&self, path: &str, body: impl Into<String>) -> Said {
        let mut request = self.ask(Method::POST, path).map(|_| Full::from(body.into()));
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        self.send(request).await
    }

    /// A client's GET through the engine: the outcome, once the answer is read to its end.
    pub async fn browse(&self, url: &str) -> &'static str {
        let uri: http::Uri = url.parse().unwrap();
        let scheme = uri.scheme().cloned().unwrap_or(Scheme::HTTP);
        let host = uri.authority().unwrap().as_str().to_owned();
        let path = uri.path_and_query().unwrap().as_str().to_owned();
        let request = Request::builder().uri(path).header(HOST, host).body(empty_body()).unwrap();
        let answer = self.engine.handle(request, RequestContext::direct(scheme, None)).await;
        answer.reply.expect("the shop always answers").into_body().collect().await.unwrap();
        answer.decision.outcome.label()
    }

    /// Browses until the answer is stored.
    pub async fn store(&self, url: &str) {
        let stored = async {
            while self.browse(url).await != "hit" {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), stored).await.expect("the shop's answers are storable");
    }
}
