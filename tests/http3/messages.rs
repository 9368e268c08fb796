//! Requests and answers: the same as over any other version, from the same store.

use super::client::{Certificates, HOST, fields, https};
use crate::support::{Setup, reply};
use serde_json::json;
use std::fmt::Write as _;
use std::process::Stdio;
use tokio::process::Command;

/// What `sha256` of so many letters `x` is, as `sha256sum` has it.
fn sha256_of(bytes: usize) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, &vec![b'x'; bytes]);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes text");
        hex
    })
}

#[tokio::test]
async fn what_one_version_has_stored_the_others_answer_with() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("ttl = \"1m\"")).await;
    scenario.origin.on("/p", reply(200).header("ETag", "\"1\"").body("here"));
    let mut client = certificates.client(&scenario).await;
    let first = client.get("/p").await;
    assert_eq!((first.status(), first.body(), first.value("etag")), (200, "here", Some("\"1\"")));
    assert!(first.cache_status().contains("; stored"), "{}", first.cache_status());
    let second = client.get("/p").await;
    assert!(second.cache_status().starts_with("larder; hit"), "{}", second.cache_status());
    assert_eq!(
        (second.body(), second.value("age").is_some(), second.value("x-request-id").is_some()),
        ("here", true, true)
    );
    let head = client.send(&fields("HEAD", "/p"), json!({})).await;
    let head = client.answer(head).await;
    assert_eq!((head.status(), head.body(), head.value("content-length")), (200, "", Some("4")));
    assert!(head.cache_status().starts_with("larder; hit"));
    let mut conditional = fields("GET", "/p");
    conditional.push(("if-none-match".into(), "\"1\"".into()));
    let stream = client.send(&conditional, json!({})).await;
    assert_eq!(client.answer(stream).await.status(), 304);
    let mut range = fields("GET", "/p");
    range.push(("range".into(), "bytes=1-2".into()));
    let stream = client.send(&range, json!({})).await;
    let part = client.answer(stream).await;
    assert_eq!((part.status(), part.body()), (206, "er"));

    let by_curl = Command::new("curl")
        .args(["--silent", "--include", "--http1.1", "--cacert"])
        .arg(certificates.path("ca.pem"))
        .args(["--resolve", &format!("{HOST}:{}:127.0.0.1", https(&scenario).port())])
        .args(["--header", &format!("Host: {HOST}")])
        .arg(format!("https://{HOST}:{}/p", https(&scenario).port()))
        .stdin(Stdio::null())
        .output()
        .await
        .expect("curl runs");
    let shown = String::from_utf8_lossy(&by_curl.stdout).to_lowercase();
    assert!(shown.contains("cache-status: larder; hit") && shown.ends_with("here"), "{shown}");
    assert_eq!(scenario.origin.only_request("/p").value("via"), Some("3 larder"));
}

#[tokio::test]
async fn bodies_of_any_length_pass_both_ways() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on("/echo", reply(200).echoing_the_body());
    let mut client = certificates.client(&scenario).await;
    for bytes in [0, 1, 70_000, 3_000_000] {
        let stream = client.send(&fields("POST", "/echo"), json!({ "body": bytes })).await;
        let answer = client.answer(stream).await;
        assert_eq!((answer.status(), answer.is_whole()), (200, true), "{bytes}");
        assert_eq!((answer.0["bytes"].as_u64(), &answer.0["sha256"]), (Some(bytes as u64), &json!(sha256_of(bytes))));
    }
}

#[tokio::test]
async fn a_large_answer_is_whole_as_a_miss_and_as_a_hit() {
    const BYTES: usize = 5_000_000;
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("ttl = \"1m\"\ncompress = false")).await;
    scenario.origin.on("/large", reply(200).body(vec![b'x'; BYTES]));
    let mut client = certificates.client(&scenario).await;
    let digest = json!(sha256_of(BYTES));
    for _ in 0..2 {
        let answer = client.get("/large").await;
        assert_eq!((&answer.0["sha256"], answer.is_whole()), (&digest, true));
    }
    assert_eq!(scenario.origin.requests("/large").len(), 1);
}

#[tokio::test]
async fn trailers_and_interim_responses_pass() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    let hints = "103 Early Hints\r\nLink: </a.css>; rel=preload";
    scenario.origin.on("/p", reply(200).interim(hints).chunked().body("whole").trailer("x-sum", "1"));
    let mut client = certificates.client(&scenario).await;
    let mut post = fields("POST", "/p");
    post.push(("te".into(), "trailers".into()));
    let stream = client.send(&post, json!({ "body": "sent", "trailers": [["x-sent", "2"]] })).await;
    let answer = client.answer(stream).await;
    assert_eq!((answer.status(), answer.body(), answer.is_whole()), (200, "whole", true));
    assert_eq!((&answer.0["interims"], &answer.0["trailers"]), (&json!([103]), &json!([["x-sum", "1"]])));
    let seen = scenario.origin.only_request("/p");
    assert_eq!(
        (seen.body.as_slice(), seen.trailers.as_slice()),
        (&b"sent"[..], &[("x-sent".to_owned(), "2".to_owned())][..])
    );
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_asked_for_its_body() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on("/p", reply(200).echoing_the_body());
    let mut client = certificates.client(&scenario).await;
    let mut post = fields("POST", "/p");
    post.push(("expect".into(), "100-continue".into()));
    let stream = client.send(&post, json!({ "open": true })).await;
    assert_eq!(client.head(stream).await.0["interims"], json!([100]));
    client.step(json!({ "do": "data", "stream": stream, "body": "now", "end": true })).await;
    assert_eq!(client.answer(stream).await.body(), "now");
}

#[tokio::test]
async fn cookie_lines_become_one_and_a_host_beside_the_authority_must_be_the_same() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    let mut request = fields("GET", "/p");
    request.extend([("cookie".into(), "a=1".into()), ("cookie".into(), "b=2".into()), ("host".into(), HOST.into())]);
    let stream = client.send(&request, json!({})).await;
    assert_eq!(client.answer(stream).await.status(), 200);
    let seen = scenario.origin.only_request("/p");
    assert_eq!((seen.value("cookie"), seen.value("host")), (Some("a=1; b=2"), Some(HOST)));
    let mut other = fields("GET", "/p");
    other.push(("host".into(), "other.example".into()));
    let stream = client.send(&other, json!({})).await;
    assert_eq!(client.answer(stream).await.status(), 400);
}

#[tokio::test]
async fn an_answer_cut_short_by_the_origin_is_seen_to_be() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("ttl = \"1m\"")).await;
    scenario.origin.on("/cut", reply(200).length(1000).body("only this").cut());
    let mut client = certificates.client(&scenario).await;
    let answer = client.get("/cut").await;
    assert_eq!((answer.status(), answer.is_whole(), answer.reset()), (200, false, Some(0x102)));
}
