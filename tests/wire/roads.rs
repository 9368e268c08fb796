//! A plain hit that is answered before hyper sees its request is the hit that hyper would have sent: every kind of
//! request goes down both roads, to one engine, and comes to the same.

use crate::support::{Client, DEADLINE, Reply, TestServer, full, options};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use larder::testing::clock::{ManualClock, Timestamp};
use larder::testing::config::check_rules_text;
use larder::testing::engine::{
    Answer, Body, Engine, EngineParts, FastHit, Handler, Origin, OriginError, PlainHeaders, PlainRequest,
    RefreshOptions, RequestContext,
};
use larder::testing::invalidation::Invalidation;
use larder::testing::proxy::{Ending, ProxyOptions, WhyClosed};
use larder::testing::store::{MemoryOptions, MemoryTier};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// More than the kernel takes at once.
const LARGE_BYTES: usize = 16 << 20;

const RULES: &str = r#"
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
struct Shop;

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

/// The engine with both of its roads; counts what took the short one.
struct Short(Arc<Engine>, AtomicUsize);

impl Handler for Short {
    async fn handle(self: &Arc<Self>, request: Request<Body>, context: RequestContext) -> Answer {
        self.0.handle(request, context).await
    }

    fn plain_headers(&self, headers: http::HeaderMap, context: &RequestContext) -> Option<PlainHeaders> {
        self.0.plain_headers(headers, context)
    }

    fn fast_hit(self: &Arc<Self>, request: PlainRequest<'_>) -> Option<FastHit> {
        let hit = self.0.fast_hit(request)?;
        self.1.fetch_add(1, Ordering::Relaxed);
        Some(hit)
    }
}

/// The same engine through hyper alone.
struct Long(Arc<Engine>);

impl Handler for Long {
    async fn handle(self: &Arc<Self>, request: Request<Body>, context: RequestContext) -> Answer {
        self.0.handle(request, context).await
    }
}

/// One engine behind two servers.
struct Roads {
    clock: Arc<ManualClock>,
    handler: Arc<Short>,
    short: TestServer,
    long: TestServer,
}

impl Roads {
    fn build() -> Self {
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
    async fn prime(&self, target: &str, fields: &str) -> usize {
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

    fn took_short(&self) -> usize {
        self.handler.1.load(Ordering::Relaxed)
    }
}

/// All of an answer, in an order of its own.
fn shown(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    // Each request has an id of its own.
    assert_eq!(reply.headers.get_all("x-request-id").iter().count(), 1, "{reply:?}");
    let fields = reply.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let mut fields: Vec<_> =
        fields.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    // Of several lines of one name the order counts, of different names it does not (RFC 9110 section 5.3).
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    (reply.status, fields, reply.body.clone())
}

/// Which road a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Road {
    Short,
    Long,
}
use Road::{Long as ByHyper, Short as AtOnce};

/// Target, what it is primed with, the fields of the request, the road it takes.
const REQUESTS: [(&str, &str, &str, Road); 63] = [
    ("/a", "", "", AtOnce),
    ("/a?b=c&d", "", "", AtOnce),
    ("/a/../b", "", "", AtOnce),
    ("/%7Ea", "", "", AtOnce),
    ("/a%2Fb", "", "", ByHyper),
    ("//a", "", "", ByHyper),
    ("/undated", "", "", AtOnce),
    ("/undated", "", "Range: bytes=0-1\r\n", ByHyper),
    ("/gone", "", "", AtOnce),
    ("/empty", "", "", AtOnce),
    ("/nothing", "", "", AtOnce),
    ("/moved", "", "", AtOnce),
    ("/repeated", "", "", AtOnce),
    ("/tagged", "", "", AtOnce),
    ("/large", "", "", AtOnce),
    ("/a", "", "Connection: keep-alive\r\n", AtOnce),
    ("/a", "", "Connection: Keep-Alive\r\nUser-Agent: a\r\nAccept: */*\r\n", AtOnce),
    ("/a", "", "Cookie: sid=1\r\n", AtOnce),
    ("/long", "", "Accept-Encoding: gzip, br\r\n", AtOnce),
    ("/long", "", "Accept-Encoding: gzip;q=0\r\n", ByHyper),
    ("/long", "", "", ByHyper),
    ("/language", "Accept-Language: de\r\n", "Accept-Language: de\r\n", AtOnce),
    ("/language", "Accept-Language: de\r\n", "accept-language:  DE \r\n", AtOnce),
    ("/keyed/a", "", "", AtOnce),
    ("/keyed/a?utm_source=x", "", "", AtOnce),
    ("/keyed/a", "X-Shop: 1\r\n", "X-Shop: 1\r\n", AtOnce),
    ("/keyed/a", "Cookie: currency=EUR\r\n", "Cookie: sid=2; currency=EUR\r\n", AtOnce),
    ("/pass/a", "", "", ByHyper),
    ("/private", "", "", ByHyper),
    ("/changed/a", "", "Accept-Encoding: gzip\r\n", AtOnce),
    ("/changed/a", "", "", ByHyper),
    ("/changed/a", "", "Accept-Encoding: gzip\r\nIf-None-Match: *\r\n", AtOnce),
    ("/changed/a", "", "If-None-Match: *\r\n", ByHyper),
    ("/changed/a", "", "Range: bytes=0-1\r\n", ByHyper),
    ("/tagged", "", "If-None-Match: \"a\"\r\n", AtOnce),
    ("/tagged", "", "If-None-Match: \"b\", W/\"a\"\r\n", AtOnce),
    ("/tagged", "", "If-None-Match: \"b\"\r\n", AtOnce),
    ("/tagged", "", "If-None-Match: a\r\n", AtOnce),
    ("/tagged", "", "If-None-Match: *\r\n", AtOnce),
    ("/tagged", "", "If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n", AtOnce),
    ("/tagged", "", "If-None-Match: \"b\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", AtOnce),
    ("/tagged", "", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", AtOnce),
    ("/tagged", "", "If-Modified-Since: Wed, 31 Dec 1969 23:59:59 GMT\r\n", AtOnce),
    ("/tagged", "", "If-Modified-Since: yesterday\r\n", AtOnce),
    ("/a", "", "If-None-Match: *\r\n", AtOnce),
    ("/a", "", "If-Modified-Since: Thu, 01 Jan 1970 00:16:40 GMT\r\n", AtOnce),
    ("/gone", "", "If-None-Match: *\r\n", AtOnce),
    ("/repeated", "", "If-None-Match: *\r\n", AtOnce),
    ("/long", "", "Accept-Encoding: gzip\r\nIf-None-Match: *\r\n", AtOnce),
    ("/long", "", "If-None-Match: *\r\n", ByHyper),
    ("/described", "", "Accept-Encoding: gzip\r\nIf-None-Match: \"a\"\r\n", AtOnce),
    ("/described", "", "Accept-Encoding: gzip\r\nIf-None-Match: \"a+gzip\"\r\n", AtOnce),
    ("/described", "", "Accept-Encoding: gzip\r\nIf-None-Match: W/\"a\"\r\n", AtOnce),
    ("/tagged", "", "If-Match: \"b\"\r\n", ByHyper),
    ("/a", "", "Range: bytes=0-1\r\n", ByHyper),
    ("/a", "", "Range: bytes=0-1\r\nIf-Range: \"a\"\r\n", ByHyper),
    ("/a", "", "Cache-Control: max-stale\r\n", ByHyper),
    ("/a", "", "Cache-Control: only-if-cached\r\n", ByHyper),
    ("/a", "", "Pragma: no-cache\r\n", ByHyper),
    ("/a", "", "Authorization: Basic YTph\r\n", ByHyper),
    ("/a", "", "Content-Length: 0\r\n", ByHyper),
    ("/a", "", "TE: trailers\r\nConnection: te\r\n", ByHyper),
    ("/a", "", "Connection: close\r\n", ByHyper),
];

#[tokio::test]
async fn every_kind_of_request_comes_to_the_same_on_both_roads() {
    for (target, primed, fields, road) in REQUESTS {
        let roads = Roads::build();
        let asked = roads.prime(target, primed).await;
        roads.clock.advance(Duration::from_secs(7));
        let request = format!("GET {target} HTTP/1.1\r\nHost: shop\r\n{fields}\r\n");
        let (mut short, mut long) = (roads.short.client().await, roads.long.client().await);
        short.send(&request).await;
        let at_once = short.reply().await;
        long.send(&request).await;
        let by_hyper = long.reply().await;
        let (at_once, by_hyper) = (shown(&at_once), shown(&by_hyper));
        assert_eq!(at_once.0, by_hyper.0, "{target} {fields:?}");
        assert_eq!(at_once.1, by_hyper.1, "{target} {fields:?}");
        assert!(at_once.2 == by_hyper.2, "{target} {fields:?}: other bodies");
        let took = if roads.took_short() == 1 { AtOnce } else { ByHyper };
        assert_eq!(took, road, "{target} {fields:?}");
        let (short, long) = (roads.short.told(1).await, roads.long.told(asked + 1).await);
        assert_eq!(short.last(), long.last(), "{target} {fields:?}: what observers are told");
    }
}

#[tokio::test]
async fn methods_versions_and_forms_that_are_not_plain_are_left_to_hyper() {
    for (line, expected) in [
        ("HEAD /a HTTP/1.1", 200),
        ("POST /a HTTP/1.1", 200),
        ("GET /a HTTP/1.0", 200),
        ("GET http://shop/a HTTP/1.1", 200),
        ("OPTIONS * HTTP/1.1", 200),
        ("GET /a  HTTP/1.1", 400),
        ("GET /<a> HTTP/1.1", 400),
        ("GET /a HTTP/1.1\r\nHost: other", 400),
        ("GET /a HTTP/1.1\r\nX: \u{1}", 400),
        ("get /a HTTP/1.1", 200),
    ] {
        let roads = Roads::build();
        roads.prime("/a", "").await;
        let mut client = roads.short.client().await;
        client.send(format!("{line}\r\nHost: shop\r\n\r\n")).await;
        let head = client.until("\r\n").await;
        assert!(head.contains(&format!(" {expected} ")), "{line}: {head}");
        assert_eq!(roads.took_short(), 0, "{line}");
    }
}

#[tokio::test]
async fn answers_of_both_roads_keep_the_order_of_their_requests() {
    let roads = Roads::build();
    for target in ["/a", "/b", "/large"] {
        roads.prime(target, "").await;
    }
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: shop\r\n\r\n");
    let mut client = roads.short.client().await;
    let post = "POST /pass/p HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc";
    let all = [&get("/a"), &get("/pass/x"), &get("/large"), &get("/b"), post, &get("/a"), &get("/pass/y"), &get("/b")];
    client.send(all.map(String::from).concat()).await;
    for expected in
        ["/a for -", "/pass/x for -", "", "/b for -", "/pass/p for -", "/a for -", "/pass/y for -", "/b for -"]
    {
        let reply = client.reply().await;
        match expected {
            "" => assert_eq!(reply.body.len(), LARGE_BYTES),
            expected => assert_eq!(reply.body, expected),
        }
    }
    let told = roads.short.told(8).await;
    let targets: Vec<&str> = told.iter().map(|told| told.target.as_str()).collect();
    assert_eq!(targets, ["/a", "/pass/x", "/large", "/b", "/pass/p", "/a", "/pass/y", "/b"]);
    assert!(told.iter().all(|told| told.ending == Ending::Complete && told.status == Some(200)), "{told:?}");
    assert!(roads.took_short() >= 1, "the first one at the least");
}

#[tokio::test]
async fn rfc_9110_6_6_1_an_answer_without_date_is_given_the_time_of_receipt_and_no_age_by_it() {
    let roads = Roads::build();
    // Late in a second, which Date does not tell.
    roads.clock.advance(Duration::from_millis(900));
    let (mut short, mut long) = (roads.short.client().await, roads.long.client().await);
    let mut ask = async |after: u64, expected: [&str; 3]| {
        roads.clock.advance(Duration::from_millis(after));
        for client in [&mut long, &mut short] {
            client.send("GET /undated HTTP/1.1\r\nHost: shop\r\n\r\n").await;
            let reply = client.reply().await;
            let told = ["date", "age", "cache-status"]
                .map(|name| reply.headers.get(name).map_or("-", |value| value.to_str().unwrap()));
            assert!(told[0] == expected[0] && told[1] == expected[1] && told[2].contains(expected[2]), "{told:?}");
        }
    };
    roads.prime("/undated", "").await;
    let received = "Thu, 01 Jan 1970 00:16:40 GMT";
    ask(0, [received, "0", "hit; ttl=60"]).await;
    ask(200, [received, "0", "hit; ttl=60"]).await;
    ask(59_700, [received, "59", "hit; ttl=1"]).await;
}

#[tokio::test]
async fn a_head_that_comes_in_parts_is_answered_once_it_is_whole() {
    let roads = Roads::build();
    roads.prime("/a", "").await;
    let mut client = roads.short.client().await;
    for _ in 0..3 {
        for part in ["G", "ET /", "a HTT", "P/1.1\r\nHo", "st: shop\r", "\n\r", "\n"] {
            client.send(part).await;
        }
        assert_eq!(client.reply().await.body, "/a for -");
    }
}

#[tokio::test]
async fn other_fields_on_the_same_connection_are_read_anew() {
    let roads = Roads::build();
    for shop in ["1", "2"] {
        roads.prime("/keyed/a", &format!("X-Shop: {shop}\r\n")).await;
    }
    let mut client = roads.short.client().await;
    for (round, shop) in ["1", "2", "2", "1"].into_iter().enumerate() {
        client.send(format!("GET /keyed/a HTTP/1.1\r\nHost: shop\r\nX-Shop: {shop}\r\n\r\n")).await;
        assert_eq!(client.reply().await.body, format!("/keyed/a for {shop}"));
        assert_eq!(roads.took_short(), round + 1);
    }
    client.send("GET /keyed/a HTTP/1.1\r\nHost: elsewhere\r\nX-Shop: 1\r\n\r\n").await;
    let reply = client.reply().await;
    assert!(reply.headers["cache-status"].to_str().unwrap().contains("fwd=uri-miss"), "{reply:?}");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_plain_hit_is_told_of_as_gone() {
    let roads = Roads::build();
    roads.prime("/large", "").await;
    let mut client = roads.short.client().await;
    client.send("GET /large HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    assert_eq!(roads.took_short(), 1);
    drop(client);
    let told = roads.short.told(1).await;
    assert_eq!((told[0].ending, told[0].status), (Ending::ClientGone, Some(200)));
    assert!(told[0].body_bytes < LARGE_BYTES as u64, "{told:?}");
}

#[tokio::test]
async fn a_plain_hit_under_way_is_finished_when_the_server_stops() {
    let mut roads = Roads::build();
    roads.prime("/large", "").await;
    let mut client: Client = roads.short.client().await;
    client.send("GET /large HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    roads.short.stop();
    assert_eq!(client.bytes(LARGE_BYTES).await.len(), LARGE_BYTES);
    assert_eq!(client.rest().await, "", "the connection ends in order");
    let Roads { short, .. } = roads;
    tokio::time::timeout(DEADLINE, short.stopped()).await.unwrap();
}

#[tokio::test]
async fn what_is_stale_or_purged_is_not_for_the_short_road() {
    let roads = Roads::build();
    roads.prime("/a", "").await;
    let mut client = roads.short.client().await;
    let mut ask = async || {
        client.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n").await;
        client.reply().await.headers["cache-status"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask().await, "larder; hit; ttl=60");
    let engine = &roads.handler.0;
    let everything = larder::testing::invalidation::Purge {
        scopes: vec![larder::testing::scope::Scope::All],
        depth: larder::testing::scope::Depth::Hard,
        source: larder::testing::invalidation::Source::Admin,
    };
    engine.invalidation().purge(everything, larder::testing::invalidation::PurgeOptions::default()).await.unwrap();
    assert!(ask().await.starts_with("larder; fwd=uri-miss"));
    assert_eq!(ask().await, "larder; hit; ttl=60");
    assert_eq!(roads.took_short(), 2);
    roads.clock.advance(Duration::from_secs(61));
    assert_eq!(ask().await, "larder; hit; ttl=-1; detail=stale-while-revalidate");
    assert_eq!(roads.took_short(), 2);
}

#[tokio::test]
async fn a_connection_of_plain_hits_makes_room_once_it_is_idle() {
    let roads = Roads::build();
    roads.prime("/a", "").await;
    let options = ProxyOptions { connections_max: 1, ..options() };
    let server = TestServer::of(options, Arc::clone(&roads.handler));
    let mut idle = server.client().await;
    idle.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!((idle.reply().await.status, roads.took_short()), (200, 1));
    let mut new = server.client().await;
    new.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!(new.reply().await.status, 200);
    assert_eq!(idle.rest().await, "");
    assert_eq!(server.closed(1).await[0].why, WhyClosed::Room);
}
