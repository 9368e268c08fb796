//! Behind a balancer that ends TLS: what is believed of a request's way, what the origin is told, and what is shared.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::origin::Seen;
use crate::support::{Barrier, Scenario, Setup, get, post, reply};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;

const TRUSTING: &str = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"::1\"]";

/// What the origin is told of the way.
const TOLD: [&str; 4] = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"];

fn told(seen: &Seen) -> [String; 4] {
    TOLD.map(|name| seen.head.values(name).join(" | "))
}

fn trusting(route: &str, more: &str) -> Setup {
    Setup::route(route).listen(&format!("{TRUSTING}\n{more}"))
}

/// An origin that forces HTTPS, as frameworks do by X-Forwarded-Proto.
fn force_https(scenario: &Scenario, path: &str) {
    scenario.origin.on_request(path, |seen| match seen.value("X-Forwarded-Proto") {
        Some("https") => reply(200).header("Cache-Control", "max-age=60").body("page"),
        _ => reply(301).header("Cache-Control", "max-age=60").header("Location", "https://shop.test/p"),
    });
}

/// A GET over HTTP/2, as status, Cache-Status and X-Request-Id.
async fn over_http2(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
    let stream = tokio::net::TcpStream::connect(address).await.expect("Larder listens");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = within("the HTTP/2 handshake", handshake).await.expect("a handshake");
    tokio::spawn(connection);
    let mut request = hyper::Request::get(format!("http://shop.test{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let sent = sender.send_request(request.body(Empty::<Bytes>::new()).expect("a request"));
    let response = within("the answer", sent).await.expect("an answer");
    let value =
        |name: &str| response.headers().get(name).map_or("", |value| value.to_str().expect("it is text")).to_owned();
    let facts = (response.status().as_u16(), value("cache-status"), value("x-request-id"));
    within("the body", response.into_body().collect()).await.expect("a body");
    facts
}

/// A GET from another loopback address.
async fn get_from(scenario: &Scenario, source: &str, path: &str) -> Response {
    let mut client = Client::connect_from(source.parse().expect("an address"), scenario.running.data_address).await;
    client.send(&get(path)).await;
    client.response().await
}

#[tokio::test]
async fn an_application_that_forces_https_is_no_loop_and_both_schemes_are_kept_apart() {
    let scenario = trusting("", "").start().await;
    force_https(&scenario, "/p");
    let secure = || get("/p").header("X-Forwarded-Proto", "https").header("X-Forwarded-For", "203.0.113.7");
    scenario.fetch(&secure()).await.status(200).body("page").says("stored");
    scenario.get("/p").await.status(301).says("stored");
    for _ in 0..2 {
        scenario.fetch(&secure()).await.status(200).hit();
        scenario.get("/p").await.status(301).hit();
        let fields = [("x-forwarded-proto", "https")];
        let (status, cache_status, _) = over_http2(scenario.running.data_address, "/p", &fields).await;
        assert_eq!((status, cache_status.contains("hit")), (200, true), "{cache_status}");
    }
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn a_terminator_that_says_nothing_has_its_scheme_configured() {
    let scenario = Setup::route("").listen("scheme = \"https\"").start().await;
    force_https(&scenario, "/p");
    scenario.get("/p").await.status(200).body("page");
    scenario.fetch(&get("/p").header("X-Forwarded-Proto", "http")).await.status(200).hit();
    assert!(scenario.origin.only_request("/p").value("Forwarded").unwrap().contains("proto=https"));
}

#[tokio::test]
async fn what_anyone_else_says_is_removed_and_replaced_on_every_road() {
    let family = || {
        let request = get("/x").header("X-Forwarded-For", "6.6.6.6").header("X-Forwarded-Proto", "https");
        let request = request.header("X-Forwarded-Host", "evil.test").header("X-Forwarded-Port", "6666");
        let request = request.header("Forwarded", "for=6.6.6.6;proto=https;host=evil.test");
        request.header("X_Forwarded_For", "6.6.6.6").header("X-Request-Id", "6666")
    };
    for (rules, listen) in [
        ("ttl = \"1m\"", ""),
        ("cache = false", ""),
        ("ttl = \"1m\"", "trusted_proxies = [\"10.0.0.0/8\"]\ntrust_host = true"),
        ("cache = false", "trusted_proxies = [\"10.0.0.0/8\"]\ntrust_host = true"),
    ] {
        let scenario = Setup::route(rules).listen(listen).start().await;
        scenario.origin.on("/x", reply(200).body("x"));
        scenario.fetch(&family()).await.status(200);
        let seen = scenario.origin.only_request("/x");
        let expected = ["127.0.0.1", "http", "shop.test", "for=127.0.0.1;host=shop.test;proto=http"];
        assert_eq!(told(&seen), expected, "{rules} {listen}");
        assert!(
            !seen.head.lines.iter().any(|(_, value)| value.contains("6666") || value.contains("6.6.6.6")),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn the_client_is_found_from_the_right_and_the_origin_told_of_it_and_of_all_who_are_believed() {
    for rules in ["ttl = \"1m\"", "cache = false"] {
        let scenario = trusting(rules, "").start().await;
        scenario.origin.on("/x", reply(200).body("x"));
        let request = get("/x").header("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.0.0.2");
        let request = request.header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", "other.test");
        scenario.fetch(&request.header("Forwarded", "for=6.6.6.6;proto=http")).await.status(200);
        let expected = [
            "203.0.113.7, 10.0.0.2, 127.0.0.1",
            "https",
            "shop.test",
            "for=203.0.113.7;host=shop.test;proto=https, for=10.0.0.2, for=127.0.0.1",
        ];
        assert_eq!(told(&scenario.origin.only_request("/x")), expected, "{rules}");
    }
}

#[tokio::test]
async fn forwarded_is_believed_where_it_is_the_family_of_the_proxies() {
    let scenario = trusting("", "forwarded = \"forwarded\"\ntrust_host = true").start().await;
    scenario.origin.on_request("/x", |seen| {
        let told = seen.value("Forwarded").unwrap_or_default().to_owned();
        reply(200).header("Cache-Control", "max-age=60").body(told)
    });
    let request = get("/x").header("Forwarded", "for=\"[2001:db8::7]:4711\";Proto=HTTPS;host=\"Other.test:443\"");
    let request = request.header("X-Forwarded-For", "6.6.6.6").header("X-Forwarded-Proto", "http");
    let request = request.header("X-Forwarded-Port", "6666").header("X-Forwarded-Prefix", "/6666");
    let told = "for=\"[2001:db8::7]\";host=other.test;proto=https, for=127.0.0.1";
    scenario.fetch(&request).await.body(told);
    scenario.fetch(&request).await.hit();
    let seen = scenario.origin.only_request("/x");
    assert_eq!(seen.head.values("Host"), ["other.test"]);
    assert_eq!(seen.head.values("X-Forwarded-For"), ["2001:db8::7, 127.0.0.1"]);
    assert_eq!(seen.head.values("X-Forwarded-Proto"), ["https"]);
    // The rest of the other family is nobody's word either, where nothing is cached too.
    scenario.origin.on("/passed", reply(200).header("Cache-Control", "no-store").body("x"));
    let passed = post("/passed", "x").header("X-Forwarded-Port", "6666").header("X-Forwarded-Prefix", "/6666");
    scenario.fetch(&passed).await.status(200);
    for seen in scenario.origin.all_requests() {
        assert!(!seen.head.lines.iter().any(|(_, value)| value.contains("6666")), "{seen:?}");
    }
}

#[tokio::test]
async fn the_host_of_a_proxy_counts_only_where_it_is_trusted() {
    for (more, expected) in [("", "shop.test"), ("trust_host = true", "other.test")] {
        let scenario = trusting("ttl = \"1m\"", more).start().await;
        scenario.origin.on_request("/x", |seen| reply(200).body(seen.value("Host").unwrap_or_default()));
        for target in ["/x", "http://shop.test/x"] {
            let request = get(target).header("X-Forwarded-Host", "other.test");
            scenario.fetch(&request).await.body(expected);
            scenario.fetch(&request).await.hit().body(expected);
        }
        let direct = scenario.fetch(&get("/x").header("X-Forwarded-Host", "not a host")).await;
        assert_eq!(direct.status, if more.is_empty() { 200 } else { 400 });
    }
}

#[tokio::test]
async fn vary_by_a_forwarding_field_never_shares_between_those_who_differ_in_it() {
    for (vary, one, other) in [
        ("X-Forwarded-For", "203.0.113.7", "203.0.113.8"),
        ("Forwarded", "203.0.113.7", "203.0.113.8"),
        ("X-Forwarded-For, Accept-Encoding", "203.0.113.7", "203.0.113.8"),
    ] {
        let scenario = trusting("ttl = \"1m\"", "").start().await;
        scenario.origin.on_request("/x", move |seen| {
            reply(200).header("Vary", vary).body(seen.value("X-Forwarded-For").unwrap_or_default())
        });
        for address in [one, other] {
            let request = get("/x").header("X-Forwarded-For", address);
            let own = format!("{address}, 127.0.0.1");
            scenario.fetch(&request).await.not_a_hit().body(&own);
            scenario.fetch(&request).await.hit().body(&own);
        }
        scenario.origin.saw("/x", 2);
    }
}

#[tokio::test]
async fn vary_by_x_forwarded_for_never_shares_between_addresses_that_connect_directly() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on_request("/x", |seen| {
        reply(200).header("Vary", "X-Forwarded-For").body(seen.value("X-Forwarded-For").unwrap_or_default())
    });
    for source in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
        get_from(&scenario, source, "/x").await.not_a_hit().body(source);
        get_from(&scenario, source, "/x").await.hit().body(source);
    }
}

#[tokio::test]
async fn waiters_of_one_fetch_share_no_answer_that_varies_by_their_address() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = Barrier::new();
    let closed = gate.clone();
    scenario.origin.on_request("/x", move |seen| {
        let told = seen.value("X-Forwarded-For").unwrap_or_default();
        reply(200).header("Vary", "X-Forwarded-For").wait(&closed).body(told)
    });
    let sources = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
    let mut clients = Vec::new();
    for source in sources {
        let mut client = Client::connect_from(source.parse().expect("an address"), scenario.running.data_address).await;
        client.send(&get("/x")).await;
        clients.push(client);
    }
    scenario.origin.requested("/x", 1).await;
    gate.open();
    for (mut client, source) in clients.into_iter().zip(sources) {
        client.response().await.status(200).body(source);
    }
}

#[tokio::test]
async fn vary_by_scheme_and_host_work_as_they_were_sent() {
    for name in ["X-Forwarded-Proto", "X-Forwarded-Host"] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/x", reply(200).header("Vary", name).body("x"));
        scenario.fetch(&get("/x").header(name, "https")).await.says("stored");
        scenario.fetch(&get("/x").header(name, "other")).await.hit();
        scenario.get("/x").await.hit();
    }
}

#[tokio::test]
async fn purges_and_invalidations_cover_both_schemes() {
    let secure = |path: &str| get(path).header("X-Forwarded-Proto", "https");
    for purge in [
        r#"{"urls": ["/p"]}"#,
        r#"{"urls": ["http://shop.test/p"]}"#,
        r#"{"urls": ["https://shop.test/p"]}"#,
        r#"{"urls": ["https://shop.test:443/p"]}"#,
        r#"{"prefixes": ["https://shop.test/"]}"#,
        r#"{"prefixes": ["http://shop.test/p"]}"#,
    ] {
        let scenario = trusting("ttl = \"1m\"", "").start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        for request in [secure("/p"), get("/p")] {
            scenario.fetch(&request).await.says("stored");
            scenario.fetch(&request).await.hit();
        }
        scenario.purge(purge).await;
        scenario.fetch(&secure("/p")).await.not_a_hit().detail("purged");
        scenario.get("/p").await.not_a_hit().detail("purged");
    }
    for location in ["", "/p", "http://shop.test/p", "https://shop.test/p"] {
        let scenario = trusting("ttl = \"1m\"", "").start().await;
        scenario.origin.on("/p", reply(200).body("p"));
        let written = if location.is_empty() { "/p" } else { "/orders" };
        for request in [secure("/p"), get("/p")] {
            scenario.origin.on("/p", reply(200).body("p"));
            scenario.fetch(&request).await.status(200);
            scenario.fetch(&request).await.hit();
        }
        if location.is_empty() {
            scenario.origin.on_request("/p", |seen| reply(if seen.method == "POST" { 204 } else { 200 }));
        }
        scenario.origin.on("/orders", reply(201).header("Content-Location", location));
        scenario.fetch(&post(written, "x").header("X-Forwarded-Proto", "https")).await;
        scenario.fetch(&secure("/p")).await.not_a_hit().detail("purged");
        scenario.get("/p").await.not_a_hit().detail("purged");
    }
}

#[tokio::test]
async fn explain_answers_for_the_key_that_live_traffic_uses() {
    let key = |response: &Response, member: &str| {
        serde_json::from_slice::<serde_json::Value>(&response.body).unwrap()[member].clone()
    };
    for (listen, same) in [("", true), ("scheme = \"https\"", true), (TRUSTING, false)] {
        let scenario = Setup::route("ttl = \"1m\"").listen(listen).start().await;
        scenario.origin.on("/p", reply(200).header("Vary", "X-Forwarded-For").body("p"));
        scenario.get("/p").await.says("stored");
        let explain = |url: &str| get(&format!("/explain?url={url}")).header("X-Explain-X-Forwarded-For", "127.0.0.1");
        let http = scenario.admin(explain("http://shop.test/p")).await;
        let https = scenario.admin(explain("https://shop.test/p")).await;
        assert_eq!(key(&http, "key") == key(&https, "key"), same, "{listen}");
        assert_eq!(key(&http, "would")["outcome"], "hit", "{listen}: {}", http.text());
        let fields = key(&http, "fetch_headers");
        assert_eq!(fields["x-forwarded-for"][0], "127.0.0.1", "{fields}");
        assert_eq!(fields["via"][0], "1.1 larder", "{fields}");
        assert!(fields["forwarded"][0].as_str().unwrap().contains("host=shop.test"), "{fields}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_from_a_trusted_proxy_or_made_and_told_to_everyone() {
    for (listen, is_trusted) in [("", false), (TRUSTING, true)] {
        for (rules, path) in [("ttl = \"1m\"", "/cached"), ("cache = false", "/passed")] {
            let scenario = Setup::route(rules).listen(listen).start().await;
            scenario.origin.on(path, reply(200).header("X-Request-Id", "the-origins").body("x"));
            let mut ids = Vec::new();
            for round in 0..3 {
                let response = scenario.fetch(&get(path).header("X-Request-Id", &format!("edge-{round}"))).await;
                assert_eq!(response.head.values("X-Request-Id").len(), 1, "{response}");
                ids.push(response.value("X-Request-Id").unwrap().to_owned());
                assert_eq!(ids[round] == format!("edge-{round}"), is_trusted, "{response}");
            }
            let (_, _, id) = over_http2(scenario.running.data_address, path, &[("x-request-id", "edge-2")]).await;
            assert_eq!(id == "edge-2", is_trusted);
            ids.dedup();
            assert_eq!(ids.len(), 3, "each has its own: {ids:?}");
            assert_eq!(scenario.origin.requests(path)[0].head.values("X-Request-Id"), [ids[0].as_str()]);
            let refused = scenario.send_raw("GET / HTTP/1.1\r\n\r\n").await.response().await;
            assert_eq!(refused.head.values("X-Request-Id").len(), 1, "{refused}");
        }
    }
}

#[tokio::test]
async fn an_upgrade_keeps_what_was_told_of_its_way() {
    let scenario = trusting("ttl = \"1m\"", "").start().await;
    let accept = reply(101).header("Upgrade", "websocket").header("Connection", "Upgrade");
    scenario.origin.on("/socket", accept.echo());
    let upgrade = get("/socket").header("Connection", "Upgrade").header("Upgrade", "websocket");
    let upgrade = upgrade.header("X-Forwarded-For", "203.0.113.7").header("X-Forwarded-Proto", "wss");
    let mut client = scenario.begin(&upgrade.header("X-Request-Id", "edge-1")).await;
    client.response().await.status(101).header("X-Request-Id", "edge-1");
    let seen = scenario.origin.only_request("/socket");
    assert_eq!(told(&seen)[..2], ["203.0.113.7, 127.0.0.1", "https"]);
    assert_eq!(seen.value("X-Request-Id"), Some("edge-1"));
}
