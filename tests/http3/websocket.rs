//! A WebSocket over one stream: RFC 9220.

use super::client::{Certificates, HOST};
use crate::support::deadline::within;
use crate::support::{Setup, reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::json;

#[tokio::test]
async fn rfc_9220_3_a_websocket_over_a_stream_is_one_over_http_1_at_the_origin() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on_request("/socket", |seen| {
        let key = seen.value("Sec-WebSocket-Key").expect("RFC 6455 section 4.1");
        let both = [key.as_bytes(), b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &both));
        let agreed = reply(101).header("Upgrade", "websocket").header("Connection", "Upgrade");
        agreed.header("Sec-WebSocket-Accept", &accept).echo()
    });
    let mut client = certificates.client(&scenario).await;
    let lines = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", "/socket"),
        ("sec-websocket-version", "13"),
    ];
    let lines = lines.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let stream = client.send(&lines, json!({ "open": true })).await;
    let head = client.head(stream).await;
    assert_eq!((head.status(), head.value("upgrade")), (200, None), "{head:?}");
    client.step(json!({ "do": "data", "stream": stream, "body": "a frame" })).await;
    within("the echo", async { while client.head(stream).await.body() != "a frame" {} }).await;
    client.step(json!({ "do": "data", "stream": stream, "body": "", "end": true })).await;
    assert!(client.answer(stream).await.is_whole(), "both ends end");
}
