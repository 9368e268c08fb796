//! A plain hit that is answered before hyper sees its request is the hit that hyper would have sent: every kind of
//! request takes both paths to one engine and gets the same answer.

use crate::both_paths::*;
use crate::support::{Client, DEADLINE, Reply, TestServer, options};
use http::HeaderMap;
use larder::testing::proxy::{Ending, ProxyOptions, WhyClosed};
use std::sync::Arc;
use std::time::Duration;

/// All of an answer, in an order of its own.
fn shown(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    (reply.status, in_order(&reply.headers), reply.body.clone())
}

/// The fields of an answer but its id, of which each request has one of its own.
pub(crate) fn in_order(headers: &HeaderMap) -> Vec<(String, String)> {
    assert_eq!(headers.get_all("x-request-id").iter().count(), 1, "{headers:?}");
    let fields = headers.iter().filter(|(name, _)| *name != "x-request-id");
    let mut fields: Vec<_> =
        fields.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    // Of several lines of one name the order counts, of different names it does not (RFC 9110 section 5.3).
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// Which path a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Short,
    Long,
}
use Taken::{Long as ByHyper, Short as AtOnce};

/// Target, what it is primed with, the fields of the request, the path it takes.
pub(crate) const REQUESTS: [(&str, &str, &str, Taken); 63] = [
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
async fn every_kind_of_request_comes_to_the_same_on_both_paths() {
    for (target, primed, fields, path) in REQUESTS {
        let paths = BothPaths::build();
        let asked = paths.prime(target, primed).await;
        paths.clock.advance(Duration::from_secs(7));
        let request = format!("GET {target} HTTP/1.1\r\nHost: shop\r\n{fields}\r\n");
        let (mut short, mut long) = (paths.short.client().await, paths.long.client().await);
        short.send(&request).await;
        let at_once = short.reply().await;
        long.send(&request).await;
        let by_hyper = long.reply().await;
        let (at_once, by_hyper) = (shown(&at_once), shown(&by_hyper));
        assert_eq!(at_once.0, by_hyper.0, "{target} {fields:?}");
        assert_eq!(at_once.1, by_hyper.1, "{target} {fields:?}");
        assert!(at_once.2 == by_hyper.2, "{target} {fields:?}: other bodies");
        let took = if paths.fast_hits() == 1 { AtOnce } else { ByHyper };
        assert_eq!(took, path, "{target} {fields:?}");
        let (short, long) = (paths.short.told(1).await, paths.long.told(asked + 1).await);
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
        ("GET /<a> HTTP/1.1", 200),
        ("GET /a#b HTTP/1.1", 400),
        ("GET /a HTTP/1.1\r\nHost: other", 400),
        ("GET /a HTTP/1.1\r\nX: \u{1}", 400),
        ("get /a HTTP/1.1", 200),
    ] {
        let paths = BothPaths::build();
        paths.prime("/a", "").await;
        let mut client = paths.short.client().await;
        client.send(format!("{line}\r\nHost: shop\r\n\r\n")).await;
        let head = client.until("\r\n").await;
        assert!(head.contains(&format!(" {expected} ")), "{line}: {head}");
        assert_eq!(paths.fast_hits(), 0, "{line}");
    }
}

#[tokio::test]
async fn answers_of_both_paths_keep_the_order_of_their_requests() {
    let paths = BothPaths::build();
    for target in ["/a", "/b", "/large"] {
        paths.prime(target, "").await;
    }
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: shop\r\n\r\n");
    let mut client = paths.short.client().await;
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
    let told = paths.short.told(8).await;
    let targets: Vec<&str> = told.iter().map(|told| told.target.as_str()).collect();
    assert_eq!(targets, ["/a", "/pass/x", "/large", "/b", "/pass/p", "/a", "/pass/y", "/b"]);
    assert!(told.iter().all(|told| told.ending == Ending::Complete && told.status == Some(200)), "{told:?}");
    assert!(paths.fast_hits() >= 1, "the first one at the least");
}

#[tokio::test]
async fn rfc_9110_6_6_1_an_answer_without_date_is_given_the_time_of_receipt_and_no_age_by_it() {
    let paths = BothPaths::build();
    // Late in a second, which Date does not tell.
    paths.clock.advance(Duration::from_millis(900));
    let (mut short, mut long) = (paths.short.client().await, paths.long.client().await);
    let mut ask = async |after: u64, expected: [&str; 3]| {
        paths.clock.advance(Duration::from_millis(after));
        for client in [&mut long, &mut short] {
            client.send("GET /undated HTTP/1.1\r\nHost: shop\r\n\r\n").await;
            let reply = client.reply().await;
            let told = ["date", "age", "cache-status"]
                .map(|name| reply.headers.get(name).map_or("-", |value| value.to_str().unwrap()));
            assert!(told[0] == expected[0] && told[1] == expected[1] && told[2].contains(expected[2]), "{told:?}");
        }
    };
    paths.prime("/undated", "").await;
    let received = "Thu, 01 Jan 1970 00:16:40 GMT";
    ask(0, [received, "0", "hit; ttl=60"]).await;
    ask(200, [received, "0", "hit; ttl=60"]).await;
    ask(59_700, [received, "59", "hit; ttl=1"]).await;
}

#[tokio::test]
async fn a_head_that_comes_in_parts_is_answered_once_it_is_whole() {
    let paths = BothPaths::build();
    paths.prime("/a", "").await;
    let mut client = paths.short.client().await;
    for _ in 0..3 {
        for part in ["G", "ET /", "a HTT", "P/1.1\r\nHo", "st: shop\r", "\n\r", "\n"] {
            client.send(part).await;
        }
        assert_eq!(client.reply().await.body, "/a for -");
    }
}

#[tokio::test]
async fn other_fields_on_the_same_connection_are_read_anew() {
    let paths = BothPaths::build();
    for shop in ["1", "2"] {
        paths.prime("/keyed/a", &format!("X-Shop: {shop}\r\n")).await;
    }
    let mut client = paths.short.client().await;
    for (round, shop) in ["1", "2", "2", "1"].into_iter().enumerate() {
        client.send(format!("GET /keyed/a HTTP/1.1\r\nHost: shop\r\nX-Shop: {shop}\r\n\r\n")).await;
        assert_eq!(client.reply().await.body, format!("/keyed/a for {shop}"));
        assert_eq!(paths.fast_hits(), round + 1);
    }
    client.send("GET /keyed/a HTTP/1.1\r\nHost: elsewhere\r\nX-Shop: 1\r\n\r\n").await;
    let reply = client.reply().await;
    assert!(reply.headers["cache-status"].to_str().unwrap().contains("fwd=uri-miss"), "{reply:?}");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_plain_hit_is_told_of_as_gone() {
    let paths = BothPaths::build();
    paths.prime("/large", "").await;
    let mut client = paths.short.client().await;
    client.send("GET /large HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    assert_eq!(paths.fast_hits(), 1);
    drop(client);
    let told = paths.short.told(1).await;
    assert_eq!((told[0].ending, told[0].status), (Ending::ClientGone, Some(200)));
    assert!(told[0].body_bytes < LARGE_BYTES as u64, "{told:?}");
}

#[tokio::test]
async fn a_plain_hit_under_way_is_finished_when_the_server_stops() {
    let mut paths = BothPaths::build();
    paths.prime("/large", "").await;
    let mut client: Client = paths.short.client().await;
    client.send("GET /large HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    paths.short.stop();
    assert_eq!(client.bytes(LARGE_BYTES).await.len(), LARGE_BYTES);
    assert_eq!(client.rest().await, "", "the connection ends in order");
    let BothPaths { short, .. } = paths;
    tokio::time::timeout(DEADLINE, short.stopped()).await.unwrap();
}

#[tokio::test]
async fn what_is_stale_or_purged_does_not_take_the_fast_path() {
    let paths = BothPaths::build();
    paths.prime("/a", "").await;
    let mut client = paths.short.client().await;
    let mut ask = async || {
        client.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n").await;
        client.reply().await.headers["cache-status"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask().await, "larder; hit; ttl=60");
    let engine = &paths.handler.0;
    let everything = larder::testing::invalidation::Purge {
        scopes: vec![larder::testing::scope::Scope::All],
        depth: larder::testing::scope::Depth::Hard,
        source: larder::testing::invalidation::PurgeSource::Admin,
    };
    engine.invalidation().purge(everything, larder::testing::invalidation::PurgeOptions::default()).await.unwrap();
    assert!(ask().await.starts_with("larder; fwd=uri-miss"));
    assert_eq!(ask().await, "larder; hit; ttl=60");
    assert_eq!(paths.fast_hits(), 2);
    paths.clock.advance(Duration::from_secs(61));
    assert_eq!(ask().await, "larder; hit; ttl=-1; detail=stale-while-revalidate");
    assert_eq!(paths.fast_hits(), 2);
}

#[tokio::test]
async fn a_connection_of_plain_hits_makes_room_once_it_is_idle() {
    let paths = BothPaths::build();
    paths.prime("/a", "").await;
    let options = ProxyOptions { connections_max: 1, ..options() };
    let server = TestServer::of(options, Arc::clone(&paths.handler));
    let mut idle = server.client().await;
    idle.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!((idle.reply().await.status, paths.fast_hits()), (200, 1));
    let mut new = server.client().await;
    new.send("GET /a HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!(new.reply().await.status, 200);
    assert_eq!(idle.rest().await, "");
    assert_eq!(server.closed(1).await[0].why, WhyClosed::Room);
}
