//! Requests that a server must not take: RFC 9114 sections 4.1.2, 4.2 and 4.3. Each costs its own stream alone.

use super::client::{Certificates, HOST, fields};
use crate::support::{Setup, reply};
use serde_json::json;

const MESSAGE_ERROR: u64 = 0x10e;

type Lines = &'static [(&'static str, &'static str)];

const MALFORMED: [Lines; 24] = [
    &[(":scheme", "https"), (":authority", HOST), (":path", "/p")],
    &[(":method", "GET"), (":authority", HOST), (":path", "/p")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST)],
    &[(":method", "GET"), (":scheme", "https"), (":path", "/p")],
    &[(":method", "GET"), (":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), (":path", "/q")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":authority", "b"), (":path", "/p")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), ("x-a", "1"), (":path", "/p")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), (":status", "200")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), (":made-up", "1")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "p")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", ""), (":path", "/p")],
    &[(":method", "G T"), (":scheme", "https"), (":authority", HOST), (":path", "/p")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), (":protocol", "websocket")],
    &[(":method", "CONNECT"), (":protocol", "websocket"), (":authority", HOST)],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("X-Upper", "1")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("x-a", "1\r\nx-b: 2")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("x a", "1")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("connection", "close")],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", "/p"),
        ("transfer-encoding", "chunked"),
    ],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("te", "gzip")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("content-length", "1")],
    &[(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/p"), ("content-length", "one")],
];

#[tokio::test]
async fn a_malformed_request_is_reset_and_never_reaches_the_origin() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    for lines in MALFORMED {
        let lines: Vec<_> = lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        // Nothing of a body comes, whatever its length was said to be.
        let stream = client.send(&lines, json!({})).await;
        let answer = client.answer(stream).await;
        let refused = answer.reset() == Some(MESSAGE_ERROR) || answer.0["status"].as_u64() == Some(400);
        assert!(refused, "{lines:?}: {answer:?}");
    }
    assert!(scenario.origin.requests("/p").is_empty());
    assert_eq!(client.get("/p").await.body(), "here", "the connection goes on");
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_announced_is_an_error_of_its_stream() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on("/echo", reply(200).echoing_the_body());
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    for (length, body) in [("5", "four"), ("3", "four")] {
        let mut post = fields("POST", "/echo");
        post.push(("content-length".into(), length.into()));
        let stream = client.send(&post, json!({ "body": body })).await;
        let answer = client.answer(stream).await;
        assert!(!answer.is_whole() || answer.status() >= 400, "{length}: {answer:?}");
    }
    assert_eq!(client.get("/p").await.body(), "here", "the connection goes on");
}

#[tokio::test]
async fn heads_over_the_limits_are_answered_as_over_any_version() {
    let certificates = Certificates::new();
    let limits = "[limits]\nheader_bytes = \"8KiB\"\nheaders = 20\nuri_bytes = \"1KiB\"";
    let scenario = certificates.start(Setup::rules("").section(limits)).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    let with = |further: Vec<(String, String)>| [fields("GET", "/p"), further].concat();
    let many = (0..30).map(|number| (format!("x-{number}"), "1".into())).collect();
    for (request, status) in [
        (with(vec![("x-large".into(), "v".repeat(9_000))]), 431),
        (with((0..4).map(|number| (format!("x-huge-{number}"), "v".repeat(30_000))).collect()), 431),
        (with(many), 431),
        (fields("GET", &format!("/{}", "p".repeat(2_000))), 414),
        (vec![(":method".into(), "CONNECT".into()), (":authority".into(), format!("{HOST}:443"))], 501),
    ] {
        let stream = client.send(&request, json!({})).await;
        let answer = client.answer(stream).await;
        assert_eq!(answer.status(), status, "{answer:?}");
        assert_eq!(answer.value("content-type"), Some("application/problem+json"), "{answer:?}");
    }
    assert_eq!(client.get("/p").await.body(), "here", "the connection goes on");
}
