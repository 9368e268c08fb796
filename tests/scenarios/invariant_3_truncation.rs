//! Invariant 3: a body cut short is never stored, and the client sees that it was cut.

use crate::support::{Barrier, Setup, get, post, reply};

#[tokio::test]
async fn invariant_3_a_truncated_body_is_never_stored_and_reaches_the_client_as_truncated() {
    for broken in [reply(200).length(10).body("short").cut(), reply(200).chunked().body("short").cut()] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on_each("/p", [broken, reply(200).body("whole")]);
        scenario.get("/p").await.status(200).truncated();
        scenario.get("/p").await.not_a_hit().body("whole");
        scenario.get("/p").await.hit().body("whole");
    }
}

#[tokio::test]
async fn invariant_3_a_truncated_body_passes_through_as_truncated() {
    for broken in [reply(200).length(10).body("short").cut(), reply(200).chunked().body("short").cut()] {
        let scenario = Setup::rules("").start().await;
        scenario.origin.on("/p", broken);
        scenario.get("/p").await.status(200).truncated();
    }
}

#[tokio::test]
async fn invariant_3_a_truncated_refresh_leaves_what_was_stored_before() {
    let scenario = Setup::route("stale_if_error = \"1h\"").start().await;
    let stale = reply(200).header("Cache-Control", "max-age=1").header("Age", "5").body("old but whole");
    let broken = reply(200).header("Cache-Control", "max-age=60").length(100).body("new but").cut();
    scenario.origin.on_each("/p", [stale, broken, reply(503).body("down")]);
    scenario.get("/p").await.body("old but whole");
    scenario.get("/p").await.truncated();
    scenario.get("/p").await.status(200).body("old but whole");
}

#[tokio::test]
async fn invariant_3_a_client_that_goes_away_in_the_middle_leaves_the_whole_body_or_none() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = Barrier::new();
    scenario
        .origin
        .on_each("/p", [reply(200).chunked().body("half ").wait(&gate).body("whole"), reply(200).body("half whole")]);
    let mut client = scenario.begin(&get("/p")).await;
    client.body_so_far("half ").await;
    client.reset();
    gate.open();
    scenario.get("/p").await.status(200).body("half whole");
}

#[tokio::test]
async fn invariant_3_a_request_body_cut_short_never_looks_whole_to_the_origin() {
    let scenario = Setup::rules("").start().await;
    scenario.origin.on("/p", reply(200).body("taken"));
    let mut client = scenario.connect().await;
    client.send_raw(b"POST /p HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\nshort").await;
    scenario.origin.until("the half body", |seen| seen.iter().any(|seen| seen.body == b"short")).await;
    client.reset();
    // Another request on the same pool is answered as itself: the half body is no part of it.
    scenario.origin.on("/q", reply(200).echoing_the_body());
    scenario.fetch(&post("/q", "mine")).await.status(200).body("mine");
    assert_eq!(scenario.origin.requests("/p")[0].body, b"short");
}
