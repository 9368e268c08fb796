//! One engine behind two servers: one that uses the fast path, one that sends every request through hyper.

use crate::support::{TestServer, full, options};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use larder::testing::clock::{ManualClock, Timestamp};
use larder::testing::config::check_rules_text;
use larder::testing::engine::{
    Answer, Body, Engine, EngineParts, FastHit, Handler, Marked, Origin, OriginError, PlainHeaders, PlainRequest,
    RefreshOptions, RequestContext,
};
use larder::testing::invalidation::Invalidation;
use larder::testing::store::{MemoryOptions, MemoryTier};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than the kernel takes at once.
pub(crate) const LARGE_BYTES: usize = 16 << 20;

pub(crate) const RULES: &str = r#"
[[route]]
path = "/pass/**"
cache = false

[[route]]
path = "/keyed/**"
query = { deny = ["utm_*"] }
headers = ["x-shop"]
cookies = ["currency"]

[[route]]
path = "/changed/**"
compress = true
browser_cache_control = "max-age=5"
set_headers = { "X-Served-By" = "larder", "X-Colour" = "blue", "Content-Language" = "en" }
remove_headers = ["link"]
tag_fields = ["Edge-Cache-Tag"]
send_tags = false

[[route]]
path = "/**"
stale_while_revalidate = "1m"
max_body = "32MiB"
compress = true
"#;

/// What the origin answers, by the first segment of the path.
#[derive(Debug)]
pub(crate) struct Shop;

#[async_trait::async_trait]
impl Origin for Shop {
    async fn fetch(
        &self,
        request: Request<Body>,
        _terms: larder::testing::engine::Terms,
    ) -> Result<Response<Body>, OriginError> {
        let (parts, body) = request.into_parts();
        body.collect().await.unwrap();
        let request = Request::from_parts(parts, ());
        let told = |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        let kind = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
        let mut answer = Response::builder()
            .header("content-type", "text/plain")
            .header("date", "Thu, 01 Jan 1970 00:16:40 GMT")
            .header("cache-control", if kind == "private" { "no-store" } else { "max-age=60" });
        let mut body = Bytes::from(format!("{} for {}", request.uri(), told("x-shop")));
        match kind.as_str() {
            "tagged" => {
                answer = answer.header("etag", "\"a\"").header("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT");
            }
            "described" => {
                answer = answer.header("etag", "\"a\"").header("content-language", "en").header("x-colour", "red");
                body = Bytes::from("all work and no play ".repeat(1_000));
            }
            "changed" => {
                answer = answer.header("etag", "\"a\"").header("x-colour", "red").header("link", "<a>");
                answer = answer.header("edge-cache-tag", "a").header("expires", "0").header("age", "2");
                body = Bytes::from("all work and no play ".repeat(1_000));
            }
            "undated" => drop(answer.headers_mut().and_then(|headers| headers.remove("date"))),
            "gone" => answer = answer.status(StatusCode::GONE),
            "empty" => (answer, body) = (answer.status(StatusCode::NO_CONTENT), Bytes::new()),
            "nothing" => body = Bytes::new(),
            "moved" => answer = answer.status(StatusCode::MOVED_PERMANENTLY).header("location", "/elsewhere"),
            "repeated" => answer = answer.header("via", "1.0 inner").header("link", "<a>").header("link", "<b>"),
            "long" => body = Bytes::from("all work and no play ".repeat(1_000)),
            "large" => body = Bytes::from(vec![b'x'; LARGE_BYTES]),
            "language" => {
                answer = answer.header("vary", "accept-language");
                body = told("accept-language").into();
            }
            _ => {}
        }
        if kind == "large" {
            // Random bytes would do as well: what must not be is that it is kept compressed.
            answer = answer.header("content-encoding", "zstd");
        }
        Ok(answer.body(full(body)).unwrap())
    }
}

/// The engine with both paths; counts the fast hits.
pub(crate) struct Short(pub(crate) Arc<Engine>, pub(crate) AtomicUsize);

impl Handler for Short {
    async fn handle(self: &Arc<Self>, request: Request<Body>, context: RequestContext) -> Answer {
        self.0.handle(request, context).await
    }

    fn plain_headers(&self, request: http::Request<()>, context: &RequestContext) -> Option<PlainHeaders> {
        self.0.plain_headers(request, context)
    }

    fn fast_hit(self: &Arc<Self>, request: PlainRequest<'_>) -> Result<FastHit, Option<Marked>> {
        let hit = self.0.fast_hit(request)?;
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(hit)
    }
}

/// The same engine through hyper alone.
pub(crate) struct Long(Arc<Engine>);

impl Handler for Long {
    async fn handle(self: &Arc<Self>, request: Request<Body>, context: RequestContext) -> Answer {
        self.0.handle(request, context).await
    }
}

/// One engine behind two servers.
pub(crate) struct BothPaths {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) handler: Arc<Short>,
    pub(crate) short: TestServer,
    pub(crate) long: TestServer,
}

impl BothPaths {
    pub(crate) fn build() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_000)));
        let engine = Engine::new(EngineParts {
            clock: clock.clone(),
            origin: Arc::new(Shop),
            memory: Arc::new(MemoryTier::new(MemoryOptions { size_bytes: 256 << 20, variants_per_key_max: 8 })),
            shared: None,
            invalidation: Arc::new(Invalidation::default()),
            rules: check_rules_text(RULES).unwrap().rule_set,
            refresh: RefreshOptions::default(),
            front: larder::testing::engine::Front::default(),
        });
        let handler = Arc::new(Short(Arc::clone(&engine), AtomicUsize::new(0)));
        let short = TestServer::of(options(), Arc::clone(&handler));
        Self { clock, handler, short, long: TestServer::of(options(), Arc::new(Long(engine))) }
    }

    /// Has the answer to a GET stored, if it may be: asks until it is or is not to be. Returns how often it asked.
    pub(crate) async fn prime(&self, target: &str, fields: &str) -> usize {
        let mut client = self.long.client().await;
        for asked in 1.. {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: shop\r\n{fields}\r\n")).await;
            let reply = client.reply().await;
            // Whoever finds nothing fetches, and may be told before the answer is stored.
            if !reply.headers.get("cache-status").is_some_and(|status| status.to_str().unwrap().contains("detail=no-"))
            {
                return asked;
            }
        }
        unreachable!("a test ends before it has counted so far")
    }

    pub(crate) fn fast_hits(&self) -> usize {
        self.handler.1.load(Ordering::Relaxed)
    }
}
