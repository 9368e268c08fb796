//! Frames and streams that no client should send: the connection ends with the code of the RFC, whatever is held is bounded,
//! and others are served meanwhile.

use super::client::{Certificates, Client, fields};
use crate::support::origin::Origin;
use crate::support::{Barrier, Setup, reply};
use serde_json::{Value, json};

const MEBIBYTE: u64 = 1 << 20;
/// Of the program itself with its threads, sockets and debug build, and of a cache that holds nothing.
const RESIDENT_MAX: u64 = 160 * MEBIBYTE;

/// The stream that a client of aioquic has begun as its control stream, and the one of its encoder.
const CONTROL: u64 = 2;
const ENCODER: u64 = 6;

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection_with_the_code_for_it() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let on = |stream: u64| json!({ "stream": stream });
    let end = json!({ "end": true });
    let one_way = json!({ "stream": "uni" });
    for (hex, keys, code, what) in [
        ("000161", json!({}), 0x105, "DATA before HEADERS"),
        ("0400", json!({}), 0x105, "SETTINGS on a request's stream"),
        ("0700", json!({}), 0x105, "GOAWAY on a request's stream"),
        ("0500", json!({}), 0x105, "PUSH_PROMISE"),
        ("0200", json!({}), 0x105, "PRIORITY of HTTP/2"),
        ("0140", end.clone(), 0x106, "the end within a frame's head"),
        ("010400", end.clone(), 0x106, "the end within a frame"),
        ("01030100d1", json!({}), 0x200, "a section that needs the dynamic table"),
        ("01030000ff", json!({}), 0x200, "a section that is broken"),
        ("0400", on(CONTROL), 0x105, "a second SETTINGS"),
        ("000161", on(CONTROL), 0x105, "DATA on the control stream"),
        ("030100", on(CONTROL), 0x108, "CANCEL_PUSH"),
        ("21", on(ENCODER), 0x201, "a table that has room"),
        ("00", one_way.clone(), 0x103, "a second control stream"),
        ("02", one_way.clone(), 0x103, "a second encoder"),
        ("01", one_way.clone(), 0x103, "a push"),
        ("", json!({ "stream": CONTROL, "end": true }), 0x104, "the end of the control stream"),
    ] {
        let mut client = certificates.client(&scenario).await;
        assert_eq!(client.get("/p").await.body(), "here");
        client.raw(hex, keys).await;
        assert_eq!(client.closed().await, code, "{what}");
    }
}

#[tokio::test]
async fn rfc_9218_7_2_a_connection_with_many_requests_may_change_their_priorities_as_often() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("ttl = \"1m\"")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    for _ in 0..300 {
        client.raw("800f07000400753d31", json!({ "stream": CONTROL, "times": 4 })).await;
        assert_eq!(client.get("/p").await.body(), "here");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_ignored() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    client.raw("21036162632100", json!({ "stream": CONTROL })).await;
    client.raw("21ffffff", json!({ "stream": "uni" })).await;
    client.raw("", json!({ "stream": "uni", "end": true })).await;
    client.raw("20", json!({ "stream": ENCODER })).await;
    assert_eq!(client.get("/p").await.body(), "here");
}

/// Turns of one flood, and the code that the connection ends with; `None` if it may go on.
type Flood = (&'static str, Vec<Value>, Option<u64>);

fn floods() -> Vec<Flood> {
    let head = "01030000d1";
    vec![
        ("a head without an end", vec![json!({ "do": "raw", "hex": "01bfffffff" }), body_of_zeros()], None),
        ("a head that is nothing but frames", vec![json!({ "do": "raw", "hex": "2100", "times": 5000 })], Some(0x107)),
        ("a frame without meaning or end", vec![json!({ "do": "raw", "hex": "21bfffffff" }), body_of_zeros()], None),
        (
            "GOAWAY again and again",
            vec![json!({ "do": "raw", "stream": CONTROL, "hex": "070100", "times": 5000 })],
            Some(0x107),
        ),
        (
            "a head that is malformed",
            (0..1100).map(|_| json!({ "do": "raw", "hex": head, "end": true })).collect(),
            Some(0x107),
        ),
    ]
}

/// As much as the window takes, on the first stream.
fn body_of_zeros() -> Value {
    json!({ "do": "raw", "stream": 0, "hex": "00".repeat(1000), "times": 20_000 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_flood_makes_what_is_held_grow_and_others_are_served() {
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("here"));
    let served = certificates.offered(Setup::rules("").before(origin.address), "").serve().await;
    for (what, turns, code) in floods() {
        let mut client = Client::connect(served.http3_address, &certificates.path("ca.pem"), None).await;
        for turn in turns {
            client.step(turn).await;
        }
        let mut other = Client::connect(served.http3_address, &certificates.path("ca.pem"), None).await;
        assert_eq!(other.get("/p").await.body(), "here", "{what}");
        if let Some(code) = code {
            assert_eq!(client.closed().await, code, "{what}");
        }
        let held = served.peak_resident_bytes();
        assert!(held < RESIDENT_MAX, "{what}: {} MiB", held / MEBIBYTE);
    }
}

#[tokio::test]
async fn requests_that_are_opened_and_taken_back_end_the_connection() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    let never = Barrier::new();
    scenario.origin.on("/held", reply(200).hold(&never).body("late"));
    let mut client = certificates.client(&scenario).await;
    let mut is_over = false;
    for _ in 0..1200 {
        let stream = client.send(&fields("GET", "/held"), json!({})).await;
        let said = client.step(json!({ "do": "reset", "stream": stream })).await;
        if said.is_null() {
            is_over = true;
            break;
        }
    }
    assert!(is_over || client.closed().await == 0x107);
    assert!(scenario.origin.requests("/held").len() < 1200);
}
