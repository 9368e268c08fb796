//! `explain` says what a request then meets, what the origin is then sent, and where else to look.

use super::users::{Protocol, User};
use crate::support::deadline::within;
use crate::support::{Barrier, Scenario, Setup, get, post, reply, request};
use serde_json::Value;

const RULES: &str = r#"
[[route]]
name = "off"
path = "/off"
cache = false

[[route]]
name = "reads"
path = "/reads"
methods = ["HEAD"]

[[route]]
name = "guessed"
path = "/guessed"
ttl = "1m"

[[route]]
name = "ignoring"
path = "/ignoring"
client_directives = "ignore"

[[route]]
name = "early"
path = "/early"
refresh_ahead = "50%"

[[route]]
name = "every"
path = "/every"
methods = ["GET", "POST", "PUT"]

[[route]]
name = "obeying"
path = "/obeying"
client_directives = "obey"

[[route]]
name = "elsewhere"
path = "/shop/**"
strip_prefix = "/shop"
add_prefix = "/v2"
upstream_host = "inner.test"
set_request_headers = { X-Tenant = "a" }

[[route]]
name = "shop"
path = "/{dir}/**"
cookies = ["lang"]
tags = ["{dir}"]
bypass = { cookies = ["session"], headers = ["x-preview"], query = ["preview"] }
"#;

/// What an explained request is, and what comes before it.
#[derive(Default)]
pub(super) struct Asked {
    method: &'static str,
    pub(super) path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    over: Option<Protocol>,
}

pub(super) fn asked(
    method: &'static str,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Asked {
    Asked { method, path, fields, ..Asked::default() }
}

/// With a body.
fn sending(method: &'static str, path: &'static str, body: &'static str) -> Asked {
    Asked { body: Some(body), ..asked(method, path, &[]) }
}

/// Over HTTP/2, with one field at most.
fn over_http2(method: &'static str, path: &'static str, fields: &'static [(&'static str, &'static str)]) -> Asked {
    Asked { over: Some(Protocol::Http2), ..asked(method, path, fields) }
}

pub(super) async fn explained(scenario: &Scenario, asked: &Asked) -> Value {
    explained_url(scenario, asked, &format!("http://shop.test{}", asked.path)).await
}

pub(super) async fn explained_url(scenario: &Scenario, asked: &Asked, url: &str) -> Value {
    let url = url.replace('%', "%25").replace('?', "%3F").replace('&', "%26");
    let call = get(&format!("/explain?method={}&url={url}", asked.method));
    let fields = asked.fields.iter();
    let call = fields.fold(call, |call, (name, value)| call.header(&format!("X-Explain-{name}"), value));
    let length = asked.body.map(|body| body.len().to_string());
    let call = length.into_iter().fold(call, |call, length| call.header("X-Explain-Content-Length", &length));
    serde_json::from_str(&scenario.admin(call).await.status(200).text()).expect("it is JSON")
}

pub(super) async fn ask(scenario: &Scenario, asked: &Asked) {
    if let Some(protocol) = asked.over {
        let user = User::of("user=ada").with(asked.method, None);
        let user = asked.fields.iter().fold(user, |user, (name, value)| user.saying(name, value));
        user.ask(scenario, protocol, asked.path).await.answered().await;
        return;
    }
    let sent = request(asked.method, asked.path);
    let sent = asked.fields.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
    let sent = asked.body.iter().fold(sent, crate::support::Request::body);
    scenario.fetch(&sent).await;
}

pub(super) async fn shop() -> Scenario {
    let scenario = Setup::rules(RULES).start().await;
    let lasting = |seen: &crate::support::origin::Seen, control: &str, age: &str| {
        let status = if seen.value("If-None-Match").is_some() { 304 } else { 200 };
        let reply = reply(status).header("Cache-Control", control).header("ETag", "\"a\"").header("Age", age);
        if status == 304 { reply } else { reply.body("page") }
    };
    for path in ["/a/fresh", "/a/soft", "/a/hard", "/ignoring", "/obeying", "/a/ranged", "/every"] {
        scenario.origin.on_request(path, move |seen| lasting(seen, "max-age=60", "0"));
    }
    scenario.origin.on_request("/early", move |seen| lasting(seen, "max-age=60", "50"));
    scenario.origin.on_request("/a/public", move |seen| lasting(seen, "public, max-age=60", "0"));
    scenario.origin.on_request("/a/again", move |seen| lasting(seen, "no-cache", "0"));
    for path in ["/a/once", "/a/other", "/a/third"] {
        scenario.origin.on(path, reply(200).header("Cache-Control", "max-age=60").body("x"));
    }
    scenario.origin.on_request("/a/expired", move |seen| lasting(seen, "max-age=10", "60"));
    scenario.origin.on_request("/a/stale", move |seen| lasting(seen, "max-age=10, stale-while-revalidate=600", "60"));
    scenario
        .origin
        .on("/a/varied", reply(200).header("Cache-Control", "max-age=60").header("Vary", "Accept-Language").body("x"));
    scenario.origin.on("/guessed", reply(200).body("x"));
    scenario
}

/// Explains, asks, and compares what was told, and what was counted, with what is expected.
async fn compare(scenario: &Scenario, row: &Asked, outcome: &str, reason: &str) -> Result<(), String> {
    let what = format!("{} {} {:?}", row.method, row.path, row.fields);
    let told = explained(scenario, row).await;
    let before = reasons(scenario).await;
    ask(scenario, row).await;
    let counted = within(&what, async {
        loop {
            let after = reasons(scenario).await;
            if let Some(more) = after.into_iter().find(|series| !before.contains(series)) {
                return more.0;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let route = told["route"].as_str().unwrap_or("-");
    let would = &told["would"];
    let foretold = (would["outcome"].as_str().unwrap_or_default(), would["reason"].as_str().unwrap_or_default());
    let foretold = format!("route=\"{route}\",outcome=\"{}\",reason=\"{}\"", foretold.0, foretold.1);
    let expected = format!("route=\"{route}\",outcome=\"{outcome}\",reason=\"{reason}\"");
    let same = foretold == expected && counted == expected;
    if same {
        Ok(())
    } else {
        Err(format!("{what}\n  expected {expected}\n  told     {foretold}\n  counted  {counted}"))
    }
}

/// How often each reason was counted.
async fn reasons(scenario: &Scenario) -> Vec<(String, String)> {
    let text = scenario.admin(get("/metrics")).await.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("larder_request_reasons_total{"));
    lines.filter_map(|line| line.split_once("} ")).map(|(of, count)| (of.to_owned(), count.to_owned())).collect()
}

async fn come_true(scenario: &Scenario, rows: impl IntoIterator<Item = (Asked, &str, &str)>) {
    let mut wrong = Vec::new();
    for (row, outcome, reason) in rows {
        wrong.extend(compare(scenario, &row, outcome, reason).await.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn comes_true(scenario: &Scenario, row: Asked, outcome: &str, reason: &str) {
    come_true(scenario, [(row, outcome, reason)]).await;
}

#[tokio::test]
async fn what_it_foretells_of_what_is_stored_comes_true() {
    let scenario = shop().await;
    let rows = [
        (asked("GET", "/a/fresh", &[]), "miss", "no-entry"),
        (asked("GET", "/a/fresh", &[]), "hit", "fresh"),
        (asked("HEAD", "/a/fresh", &[]), "hit", "fresh"),
        (over_http2("GET", "/a/fresh", &[]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("Range", "bytes=0-1")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("If-None-Match", "\"a\"")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("If-None-Match", "\"b\""), ("If-Range", "\"a\"")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("Content-Length", "0")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("Authorization", "Basic YTph")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("Cookie", "other=1")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("Cookie", "lang=de; other=1")]), "miss", "no-entry"),
        (asked("GET", "/a/fresh", &[("Cache-Control", "only-if-cached")]), "hit", "fresh"),
        (asked("GET", "/a/fresh", &[("Cache-Control", "no-store")]), "hit", "fresh"),
        (asked("GET", "/a/none", &[("Cache-Control", "only-if-cached")]), "error", "only-if-cached"),
        (asked("GET", "/a/fresh", &[("Cache-Control", "no-cache")]), "revalidated", "request-no-cache"),
        (asked("GET", "/a/fresh", &[("Pragma", "no-cache")]), "revalidated", "request-pragma"),
        (asked("GET", "/a/fresh", &[("Cache-Control", "max-age=0")]), "revalidated", "request-max-age"),
        (asked("GET", "/a/fresh", &[("Cache-Control", "min-fresh=90")]), "revalidated", "request-min-fresh"),
        (over_http2("GET", "/a/fresh", &[("Cache-Control", "no-cache")]), "revalidated", "request-no-cache"),
        (asked("HEAD", "/a/fresh", &[("Cache-Control", "no-cache")]), "miss", "method-not-storable"),
        (asked("GET", "/obeying", &[]), "miss", "no-entry"),
        (asked("GET", "/obeying", &[("Cache-Control", "no-cache")]), "revalidated", "request-no-cache"),
        (asked("GET", "/a/expired", &[]), "miss", "no-entry"),
        (asked("GET", "/a/expired", &[("Cache-Control", "max-stale")]), "stale", "request-max-stale"),
        (asked("GET", "/a/expired", &[("Cache-Control", "only-if-cached")]), "error", "only-if-cached"),
        (asked("HEAD", "/a/expired", &[]), "miss", "method-not-storable"),
        (asked("GET", "/a/expired", &[]), "revalidated", "expired"),
        (asked("GET", "/a/stale", &[]), "miss", "no-entry"),
        (asked("GET", "/a/stale", &[]), "stale", "stale-while-revalidate"),
        (asked("GET", "/a/stale", &[("Cache-Control", "only-if-cached")]), "stale", "stale-while-revalidate"),
        (asked("GET", "/early", &[]), "miss", "no-entry"),
        (asked("GET", "/early", &[]), "hit", "refresh-ahead"),
        (asked("GET", "/a/again", &[]), "miss", "no-entry"),
        (asked("GET", "/a/again", &[]), "revalidated", "response-no-cache"),
        (asked("GET", "/a/varied", &[("Accept-Language", "de")]), "miss", "no-entry"),
        (asked("GET", "/a/varied", &[("Accept-Language", "fr")]), "miss", "no-variant"),
        (asked("GET", "/a/varied", &[("Accept-Language", "fr")]), "hit", "fresh"),
        (asked("GET", "/ignoring", &[]), "miss", "no-entry"),
        (asked("GET", "/ignoring", &[("Cache-Control", "no-cache")]), "hit", "fresh"),
        (asked("GET", "/ignoring", &[("Pragma", "no-cache")]), "hit", "fresh"),
        (asked("GET", "/guessed", &[]), "miss", "no-entry"),
        (asked("GET", "/guessed", &[("Cookie", "a=1")]), "miss", "cookie-undecided"),
        (asked("GET", "/guessed", &[]), "hit", "fresh"),
        (asked("GET", "/a/ranged", &[("Range", "bytes=0-1")]), "miss", "no-entry"),
        (asked("HEAD", "/a/once", &[]), "miss", "method-not-storable"),
        (over_http2("HEAD", "/a/once", &[]), "miss", "method-not-storable"),
        (asked("GET", "/a/once", &[("Cache-Control", "no-store")]), "miss", "request-no-store"),
        (asked("GET", "/a/once", &[("If-None-Match", "\"a\"")]), "miss", "no-entry"),
        (asked("GET", "/a/public", &[("Authorization", "Basic YTph")]), "miss", "no-entry"),
        (asked("GET", "/every", &[("Accept", "*/*")]), "miss", "no-entry"),
    ];
    come_true(&scenario, rows).await;
}

#[tokio::test]
async fn what_it_foretells_of_what_was_purged_comes_true() {
    let scenario = shop().await;
    for path in ["/a/soft", "/a/hard"] {
        comes_true(&scenario, asked("GET", path, &[]), "miss", "no-entry").await;
    }
    scenario.purge(r#"{"urls": ["/a/soft"], "soft": true}"#).await;
    comes_true(&scenario, asked("GET", "/a/soft", &[]), "revalidated", "soft-purged").await;
    scenario.purge(r#"{"urls": ["/a/hard"]}"#).await;
    comes_true(&scenario, asked("GET", "/a/hard", &[("Cache-Control", "only-if-cached")]), "error", "only-if-cached")
        .await;
    comes_true(&scenario, asked("GET", "/a/hard", &[]), "miss", "purged").await;
}

#[tokio::test]
async fn what_it_foretells_of_what_is_stored_from_before_forgotten_rules_comes_true() {
    let scenario = shop().await;
    let page = || asked("GET", "/a/fresh", &[]);
    comes_true(&scenario, page(), "miss", "no-entry").await;
    for number in 0..18 {
        scenario.purge(r#"{"tags": ["other"]}"#).await;
        std::fs::write(scenario.rules_file(), format!("{RULES}# {number}\n")).expect("the file is there");
        scenario.admin(post("/reload", "")).await.status(200);
    }
    comes_true(&scenario, page(), "revalidated", "unproven").await;
    comes_true(&scenario, page(), "hit", "fresh").await;
}

#[tokio::test]
async fn what_it_foretells_while_the_origin_fails_comes_true() {
    let scenario = shop().await;
    let stale = reply(200).header("Cache-Control", "max-age=10, stale-if-error=600").header("Age", "60").body("old");
    let (gate, probe) = (Barrier::new(), reply(503));
    scenario.origin.on_each("/a/failing", [stale, reply(503), probe.hold(&gate)]);
    let page = || asked("GET", "/a/failing", &[]);
    comes_true(&scenario, page(), "miss", "no-entry").await;
    scenario.get("/a/failing").await.says("detail=stale-if-error");
    comes_true(&scenario, page(), "stale", "stale-if-error").await;
    gate.open();
}

#[tokio::test]
async fn what_it_foretells_of_what_passes_by_comes_true() {
    let scenario = shop().await;
    let upgrade = &[("Connection", "Upgrade"), ("Upgrade", "websocket")];
    let rows = [
        (asked("GET", "/a/fresh", &[("Cookie", "session=1")]), "bypass", "bypass-cookie"),
        (over_http2("GET", "/a/fresh", &[("Cookie", "session=1")]), "bypass", "bypass-cookie"),
        (asked("HEAD", "/a/fresh", &[("Cookie", "session=1")]), "bypass", "bypass-cookie"),
        (asked("GET", "/a/fresh", &[("X-Preview", "1")]), "bypass", "bypass-header"),
        (asked("GET", "/a/fresh?preview", &[]), "bypass", "bypass-query"),
        (asked("GET", "/a/fresh", &[("If-Match", "\"a\"")]), "bypass", "origin-condition"),
        (
            asked("GET", "/a/fresh", &[("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]),
            "bypass",
            "origin-condition",
        ),
        (asked("GET", "/a/fresh", upgrade), "bypass", "upgrade"),
        (asked("GET", "/off", upgrade), "pass", "route-passes"),
        (asked("GET", "/a/fresh", &[("Expect", "100-continue")]), "bypass", "expectation"),
        (asked("GET", "/a/b%2Ffresh", &[]), "bypass", "ambiguous-path"),
        (asked("GET", "/a/b%2Ffresh", &[("Cookie", "session=1")]), "bypass", "ambiguous-path"),
        (sending("GET", "/a/fresh", "body"), "bypass", "request-body"),
        (sending("HEAD", "/a/fresh", "body"), "bypass", "request-body"),
        (sending("GET", "/off", "body"), "pass", "route-passes"),
        (asked("DELETE", "/a/fresh", &[]), "bypass", "method-not-named"),
        (asked("OPTIONS", "/a/fresh", &[]), "bypass", "method-not-named"),
        (asked("PURGE", "/a/fresh", &[]), "bypass", "method-not-named"),
        (sending("POST", "/a/fresh", "body"), "bypass", "method-not-named"),
        (sending("POST", "/every", "body"), "bypass", "method-not-storable"),
        (over_http2("POST", "/every", &[]), "bypass", "method-not-storable"),
        (asked("PUT", "/every", &[("Content-Length", "0")]), "bypass", "method-not-storable"),
        (sending("POST", "/off", "body"), "pass", "route-passes"),
        (sending("POST", "/", "body"), "pass", "no-route"),
        (asked("GET", "/reads", &[]), "bypass", "method-not-named"),
        (asked("GET", "/off", &[]), "pass", "route-passes"),
        (over_http2("GET", "/off", &[]), "pass", "route-passes"),
        (asked("GET", "/", &[]), "pass", "no-route"),
        (asked("HEAD", "/", &[]), "pass", "no-route"),
        (
            asked("GET", "/a/fresh", &[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")]),
            "miss",
            "no-entry",
        ),
    ];
    come_true(&scenario, rows).await;
}

const ONLY: (&str, &str) = ("Cache-Control", "only-if-cached");

#[tokio::test]
async fn rfc_9111_5_2_1_7_only_if_cached_is_never_forwarded_by_a_route_that_caches() {
    let scenario = shop().await;
    let rows = [
        (asked("GET", "/a/once", &[ONLY]), "error", "only-if-cached"),
        (asked("HEAD", "/a/once", &[ONLY]), "error", "only-if-cached"),
        (over_http2("GET", "/a/once", &[ONLY]), "error", "only-if-cached"),
        (asked("GET", "/a/once", &[ONLY, ("Range", "bytes=0-1")]), "error", "only-if-cached"),
        (asked("GET", "/a/once", &[ONLY, ("Cookie", "session=1")]), "error", "only-if-cached"),
        (asked("GET", "/a/once", &[ONLY, ("X-Preview", "1")]), "error", "only-if-cached"),
        (asked("GET", "/a/once?preview", &[ONLY]), "error", "only-if-cached"),
        (asked("GET", "/a/once", &[ONLY, ("If-Match", "\"a\"")]), "error", "only-if-cached"),
        (asked("GET", "/a/once", &[ONLY, ("Expect", "100-continue")]), "error", "only-if-cached"),
        (
            asked("GET", "/a/once", &[ONLY, ("Connection", "Upgrade"), ("Upgrade", "websocket")]),
            "error",
            "only-if-cached",
        ),
        (asked("GET", "/a/b%2Fonce", &[ONLY]), "error", "only-if-cached"),
        (asked("DELETE", "/a/once", &[ONLY]), "error", "only-if-cached"),
        (asked("GET", "/reads", &[ONLY]), "error", "only-if-cached"),
        // Where nothing is cached it is for whoever stands behind.
        (asked("GET", "/off", &[ONLY]), "pass", "route-passes"),
        (asked("GET", "/", &[ONLY]), "pass", "no-route"),
    ];
    come_true(&scenario, rows).await;
    for (path, count) in [("/a/once", 0), ("/a/b%2Fonce", 0), ("/reads", 0), ("/off", 1), ("/", 1)] {
        scenario.origin.saw(path, count);
    }
}

#[tokio::test]
async fn what_it_foretells_of_a_request_that_comes_back_comes_true() {
    let scenario = shop().await;
    scenario.get("/a/once").await.status(200);
    let seen = scenario.origin.only_request("/a/once");
    let here = seen.value("CDN-Loop").expect("what is sent names who sent it").to_owned();
    let fields = Box::leak(Box::new([("CDN-Loop", &*Box::leak(here.into_boxed_str()))]));
    for path in ["/a/once", "/off", "/"] {
        comes_true(&scenario, asked("GET", path, fields), "error", "loop").await;
    }
}
