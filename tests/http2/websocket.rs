//! WebSockets over one stream: RFC 8441.

use super::client::{Asked, Client, get, rest};
use crate::support::deadline::within;
use crate::support::origin::Seen;
use crate::support::reply::Reply;
use crate::support::{Scenario, Setup, reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, RecvStream};
use http::{HeaderValue, Method, Request};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// A text frame as a client sends it, and its echo.
const FRAME: &[u8] = b"\x81\x85abcdefghi";

/// Accepts the WebSocket that it is asked for, and echoes what comes.
fn accepting(seen: &Seen) -> Reply {
    let key = seen.value("Sec-WebSocket-Key").expect("RFC 6455 section 4.1");
    assert_eq!(STANDARD.decode(key).expect("it is Base64").len(), 16);
    let both = [key.as_bytes(), b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &both));
    reply(101).header("Upgrade", "websocket").header("Connection", "Upgrade").header("Sec-WebSocket-Accept", &accept)
}

fn connect(path: &str, protocol: &str) -> Request<()> {
    let mut request = get(path);
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(Protocol::from(protocol));
    for (name, value) in
        [("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat"), ("origin", "http://shop.test")]
    {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    request
}

async fn begun(scenario: &Scenario, path: &str) -> (Client, Asked) {
    let client = Client::connect(scenario.running.data_address).await;
    assert!(client.is_extended_connect_offered(), "RFC 8441 section 3");
    let asked = client.send(connect(path, "websocket"), false).await;
    (client, asked)
}

async fn piece(body: &mut RecvStream) -> Bytes {
    let data = within("data of the stream", body.data()).await.expect("the stream goes on").expect("it is whole");
    body.flow_control().release_capacity(data.len()).expect("it was held");
    data
}

#[tokio::test]
async fn rfc_8441_5_a_websocket_over_a_stream_is_one_over_http_1_at_the_origin() {
    for rules in ["", "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n"] {
        let scenario = Setup::rules(rules).start().await;
        scenario.origin.on_request("/socket", |seen| accepting(seen).header("Sec-WebSocket-Protocol", "chat").echo());
        scenario.origin.on("/p", reply(200).body("page"));
        let (client, asked) = begun(&scenario, "/socket").await;
        let (mut answer, mut sending) = asked.both().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
        for name in ["upgrade", "connection", "sec-websocket-accept", "content-length"] {
            assert_eq!(answer.headers().get(name), None, "{name}");
        }
        for frame in [FRAME, b"\x00\xff\r\n\r\n"] {
            sending.send_data(Bytes::from_static(frame), false).unwrap();
            assert_eq!(piece(answer.body_mut()).await, frame);
        }
        assert_eq!(rest(client.get("/p").await.body_mut()).await.0, "page", "other streams go on");
        sending.send_data(Bytes::new(), true).unwrap();
        assert_eq!(rest(answer.body_mut()).await.0, "", "both ends end");
        let seen = scenario.origin.only_request("/socket");
        assert_eq!(
            (seen.method.as_str(), seen.value("Upgrade"), seen.value("Host")),
            ("GET", Some("websocket"), Some("shop.test"))
        );
        assert_eq!(
            (seen.value("Sec-WebSocket-Version"), seen.value("Sec-WebSocket-Protocol")),
            (Some("13"), Some("chat"))
        );
        assert_eq!((seen.value("Origin"), seen.value("Via")), (Some("http://shop.test"), Some("2 larder")));
        assert!(seen.value("Connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
        for name in ["Transfer-Encoding", "Content-Length"] {
            assert_eq!(seen.value(name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn a_large_message_passes_in_both_directions_whatever_the_window() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on_request("/socket", |seen| accepting(seen).echo());
    let (_client, asked) = begun(&scenario, "/socket").await;
    let (mut answer, mut sending) = asked.both().await;
    let sent = tokio::spawn(async move {
        for _ in 0..100 {
            sending.send_data(Bytes::from(vec![b'm'; 10_000]), false).unwrap();
        }
        sending.send_data(Bytes::new(), true).unwrap();
    });
    assert_eq!(rest(answer.body_mut()).await.0.len(), 1_000_000);
    sent.await.unwrap();
}

#[tokio::test]
async fn an_origin_that_does_not_agree_never_looks_as_if_it_had() {
    type Answer = fn(&Seen) -> Reply;
    let rows: [(Answer, u16); 6] = [
        (|_| reply(200).body("no"), 502),
        (|_| reply(204), 502),
        (|_| reply(101).header("Upgrade", "websocket").header("Connection", "Upgrade").echo(), 502),
        (|_| reply(403).body("no"), 403),
        (|_| reply(426).header("Upgrade", "websocket").body("no"), 426),
        (|_| reply(302).header("Location", "/other"), 302),
    ];
    for (answer, expected) in rows {
        let scenario = Setup::rules("").start().await;
        scenario.origin.on_request("/socket", answer);
        let (_client, asked) = begun(&scenario, "/socket").await;
        assert_eq!(asked.head().await.status(), expected);
    }
}

#[tokio::test]
async fn what_a_route_does_not_pass_on_is_no_websocket_over_a_stream_either() {
    let scenario = Setup::route("ttl = \"1m\"\nupgrade = []").start().await;
    scenario.origin.on("/socket", reply(200).header("Cache-Control", "max-age=60").body("page"));
    for _ in 0..2 {
        let (_client, asked) = begun(&scenario, "/socket").await;
        assert_eq!(asked.head().await.status(), 502);
    }
    assert!(scenario.origin.requests("/socket").iter().all(|seen| seen.value("Upgrade").is_none()));
}

#[tokio::test]
async fn other_protocols_and_a_plain_connect_are_not_implemented() {
    let scenario = Setup::rules("").start().await;
    let client = Client::connect(scenario.running.data_address).await;
    for protocol in ["connect-udp", "", "websocketx"] {
        assert_eq!(client.send(connect("/socket", protocol), false).await.head().await.status(), 501, "{protocol}");
    }
    let plain = Request::builder().method(Method::CONNECT).uri("shop.test:80").body(()).unwrap();
    assert_eq!(client.send(plain, false).await.head().await.status(), 501);
    assert_eq!(scenario.origin.all_requests().len(), 0);
}

#[tokio::test]
async fn either_end_that_breaks_off_ends_the_other() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on_request("/cut", |seen| accepting(seen).cut());
    let (_client, asked) = begun(&scenario, "/cut").await;
    let mut answer = asked.head().await;
    within("the stream's end", async { while answer.body_mut().data().await.is_some_and(|data| data.is_ok()) {} })
        .await;

    scenario.origin.on_request("/socket", |seen| accepting(seen).echo());
    let (client, asked) = begun(&scenario, "/socket").await;
    let (mut answer, mut sending) = asked.both().await;
    sending.send_data(Bytes::from_static(FRAME), false).unwrap();
    assert_eq!(piece(answer.body_mut()).await, FRAME);
    sending.send_reset(Reason::CANCEL);
    scenario.origin.on("/p", reply(200).body("page"));
    assert_eq!(rest(client.get("/p").await.body_mut()).await.0, "page", "other streams go on");
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_websocket_is_let_go_and_one_that_says_nothing_is_not() {
    let scenario = Setup::rules("").section("[timeouts]\nstall = \"300ms\"").start().await;
    scenario.origin.on_request("/socket", |seen| accepting(seen).echo());
    let (_client, asked) = begun(&scenario, "/socket").await;
    let (mut quiet, mut quiet_sends) = asked.both().await;

    let client = Client::connect_with_window(scenario.running.data_address, 10).await;
    let (mut answer, mut sending) = client.send(connect("/socket", "websocket"), false).await.both().await;
    sending.send_data(Bytes::from(vec![b'm'; 5_000]), false).unwrap();
    let end = within("the stream's end", async {
        loop {
            match answer.body_mut().data().await {
                Some(Ok(_)) => {}
                end => return end,
            }
        }
    });
    let error = end.await.expect("it does not look complete").expect_err("it is reset");
    assert_eq!(error.reason(), Some(Reason::CANCEL));

    quiet_sends.send_data(Bytes::from_static(FRAME), false).unwrap();
    assert_eq!(piece(quiet.body_mut()).await, FRAME);
}

#[tokio::test]
async fn rfc_6455_7_4_1_a_websocket_is_told_when_the_time_to_drain_is_over() {
    let scenario = Setup::rules("").section("[timeouts]\ndrain = \"300ms\"").start().await;
    scenario.origin.on_request("/socket", |seen| accepting(seen).echo());
    let (_client, asked) = begun(&scenario, "/socket").await;
    let (mut answer, mut sending) = asked.both().await;
    sending.send_data(Bytes::from_static(FRAME), false).unwrap();
    assert_eq!(piece(answer.body_mut()).await, FRAME);
    let Scenario { running, origin: _origin, .. } = scenario;
    let stopping = tokio::spawn(running.stop());
    assert_eq!(piece(answer.body_mut()).await, b"\x88\x02\x03\xe9"[..]);
    assert_eq!(rest(answer.body_mut()).await.0, "");
    drop((answer, sending));
    within("the end", stopping).await.unwrap();
}
