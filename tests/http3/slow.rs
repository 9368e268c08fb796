//! Clients that make no progress: they hold little, and their stream ends.

use super::client::{Certificates, Client, fields};
use crate::support::origin::Origin;
use crate::support::{Barrier, Setup, reply};
use serde_json::json;

const MEBIBYTE: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_holds_little_and_its_stream_is_reset() {
    const BYTES: usize = 30 << 20;
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    origin.on("/large", reply(200).body(vec![b'l'; BYTES]));
    origin.on("/p", reply(200).body("here"));
    let setup = Setup::rules("").before(origin.address).section("[timeouts]\nstall = \"1s\"");
    let served = certificates.offered(setup, "").serve().await;
    let before = served.peak_resident_bytes();
    let mut slow = Client::connect(served.http3_address, &certificates.path("ca.pem"), Some(20_000)).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(slow.send(&fields("GET", "/large"), json!({})).await);
    }
    for stream in streams {
        let answer = slow.answer(stream).await;
        assert_eq!((answer.status(), answer.is_whole()), (200, false), "{answer:?}");
        assert!(answer.reset().is_some(), "{answer:?}");
    }
    let grown = served.peak_resident_bytes() - before;
    assert!(grown < 60 * MEBIBYTE, "{} MiB", grown / MEBIBYTE);
    let mut other = Client::connect(served.http3_address, &certificates.path("ca.pem"), None).await;
    assert_eq!(other.get("/p").await.body(), "here");
}

#[tokio::test]
async fn a_client_that_stops_giving_its_body_or_its_head_ends_that_stream_alone() {
    let certificates = Certificates::new();
    let timeouts = "[timeouts]\nstall = \"500ms\"\nheader_read = \"500ms\"";
    let scenario = certificates.start(Setup::rules("").section(timeouts)).await;
    scenario.origin.on("/echo", reply(200).echoing_the_body());
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    let upload = client.send(&fields("POST", "/echo"), json!({ "body": "half", "open": true })).await;
    let answer = client.answer(upload).await;
    assert!(!answer.is_whole() && answer.reset().is_some(), "{answer:?}");
    let head = client.raw("0140", json!({})).await;
    assert_eq!(client.answer(head).await.reset(), Some(0x10d));
    assert_eq!(client.get("/p").await.body(), "here");
}

#[tokio::test]
async fn a_request_that_is_taken_back_costs_the_origin_no_more_and_the_connection_goes_on() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::rules("")).await;
    let barrier = Barrier::new();
    scenario.origin.on("/held", reply(200).hold(&barrier).body("late"));
    scenario.origin.on("/p", reply(200).body("here"));
    let mut client = certificates.client(&scenario).await;
    let held = client.send(&fields("GET", "/held"), json!({})).await;
    scenario.origin.requested("/held", 1).await;
    client.step(json!({ "do": "reset", "stream": held })).await;
    assert_eq!(client.get("/p").await.body(), "here", "the connection goes on");
    let held = client.send(&fields("GET", "/held"), json!({})).await;
    scenario.origin.requested("/held", 2).await;
    barrier.open();
    assert_eq!(client.answer(held).await.body(), "late");
}
