//! Gzip at rest: one stored body for those who accept gzip and those who do not, each with a tag that revalidates.

use crate::support::reply::Reply;
use crate::support::{Scenario, Setup, get, reply};
use std::io::Read as _;

fn json() -> String {
    format!("[{}]", "{\"name\": \"shoe\", \"price\": 1299},".repeat(100).trim_end_matches(','))
}

fn json_reply() -> Reply {
    reply(200).header("Content-Type", "application/json").header("ETag", "\"1\"").header("Cache-Control", "max-age=60")
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).expect("a gzip stream of text");
    text
}

/// Stores the JSON and waits until it is kept gzip-coded, which happens off the request's path.
async fn stored_as_gzip() -> Scenario {
    let scenario = Setup::route("compress = true").start().await;
    scenario.origin.on("/p", json_reply().body(json()));
    scenario.get("/p").await.body(json());
    let accepting = get("/p").header("Accept-Encoding", "gzip");
    scenario.until("gzip at rest", &accepting, |response| response.value("Content-Encoding") == Some("gzip")).await;
    scenario.origin.saw("/p", 1);
    scenario
}

#[tokio::test]
async fn gzip_goes_to_those_who_accept_it_and_the_plain_body_to_others() {
    let scenario = stored_as_gzip().await;
    let coded = scenario.fetch(&get("/p").header("Accept-Encoding", "br;q=0.1, gzip")).await;
    coded.status(200).hit().header("Content-Encoding", "gzip");
    assert_eq!(gunzip(&coded.body), json());
    assert_eq!(coded.value("Content-Length"), Some(coded.body.len().to_string().as_str()));
    let names_encoding = |vary: &str| vary.to_ascii_lowercase().contains("accept-encoding");
    assert!(coded.head.values("Vary").into_iter().any(names_encoding), "{coded}");
    for refusing in
        [get("/p"), get("/p").header("Accept-Encoding", "identity"), get("/p").header("Accept-Encoding", "gzip;q=0")]
    {
        let plain = scenario.fetch(&refusing).await;
        plain.hit().without("Content-Encoding").body(json()).header("ETag", "\"1\"");
    }
}

#[tokio::test]
async fn each_coding_has_its_own_tag_and_both_validate() {
    let scenario = stored_as_gzip().await;
    let accepting = || get("/p").header("Accept-Encoding", "gzip");
    let coded = scenario.fetch(&accepting()).await;
    let coded_tag = coded.value("ETag").expect("a tag for the gzip-coded body").to_owned();
    assert_ne!(coded_tag, "\"1\"", "a strong tag names one sequence of bytes");
    scenario.fetch(&accepting().header("If-None-Match", &coded_tag)).await.status(304).header("ETag", &coded_tag);
    scenario.fetch(&get("/p").header("If-None-Match", "\"1\"")).await.status(304).header("ETag", "\"1\"");
    // Parts are parts of the plain body: its tag joins them, that of the gzip-coded body does not.
    for (tag, status) in [("\"1\"", 206), (coded_tag.as_str(), 200)] {
        for request in [get("/p"), accepting()] {
            let part = scenario.fetch(&request.header("Range", "bytes=0-9").header("If-Range", tag)).await;
            assert_eq!(part.status, status, "If-Range: {tag}\n{part}");
            if status == 206 {
                part.body(&json().as_bytes()[..10]).without("Content-Encoding");
            }
        }
    }
}

#[tokio::test]
async fn the_origin_is_asked_with_its_own_tag_whatever_coding_is_at_rest() {
    let scenario = Setup::route("compress = true").start().await;
    let stale = json_reply().header("Age", "70").body(json());
    scenario.origin.on_request("/p", move |seen| match seen.value("If-None-Match") {
        None => stale.clone(),
        Some("\"1\"") => reply(304).header("ETag", "\"1\"").header("Cache-Control", "max-age=60"),
        Some(other) => reply(599).body(other),
    });
    scenario.get("/p").await.body(json());
    let accepting = get("/p").header("Accept-Encoding", "gzip");
    scenario.fetch(&accepting).await.status(200);
    let coded = scenario.until("gzip at rest", &accepting, |r| r.value("Content-Encoding") == Some("gzip")).await;
    assert_eq!(gunzip(&coded.hit().body), json());
}

#[tokio::test]
async fn what_would_not_gain_or_may_not_be_changed_is_kept_as_it_came() {
    let rows = [
        ("small", json_reply().body("{}")),
        ("image", reply(200).header("Content-Type", "image/jpeg").header("Cache-Control", "max-age=60").body(json())),
        ("no-transform", json_reply().header("Cache-Control", "no-transform").body(json())),
    ];
    for (what, answer) in rows {
        let scenario = Setup::route("compress = true").start().await;
        scenario.origin.on("/p", answer);
        for _ in 0..20 {
            let response = scenario.fetch(&get("/p").header("Accept-Encoding", "gzip")).await;
            assert_eq!(response.value("Content-Encoding"), None, "{what}\n{response}");
        }
    }
}

#[tokio::test]
async fn an_origins_own_coding_is_kept_as_it_came() {
    let scenario = Setup::route("ttl = \"1m\"\ncompress = true").start().await;
    scenario.origin.on_request("/p", |seen| {
        let coded = seen.value("Accept-Encoding").is_some_and(|accepted| accepted.contains("br"));
        let answer = reply(200).header("Content-Type", "application/json").header("Vary", "Accept-Encoding");
        if coded { answer.header("Content-Encoding", "br").body("brotli bytes") } else { answer.body("plain") }
    });
    let accepting = get("/p").header("Accept-Encoding", "br, gzip");
    scenario.fetch(&accepting).await.header("Content-Encoding", "br").body("brotli bytes");
    scenario.fetch(&accepting).await.hit().header("Content-Encoding", "br").body("brotli bytes");
    scenario.get("/p").await.without("Content-Encoding").body("plain");
}
