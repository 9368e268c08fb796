//! What clients of HTTP/3 may take: `limits.connections` and `limits.per_client`, as all others.

use super::client::{Answer, Certificates, Client, fields};
use crate::support::client::Client as TcpClient;
use crate::support::deadline::within;
use crate::support::{Barrier, Scenario, Setup, get, reply};
use serde_json::json;

const NO_ERROR: u64 = 0x100;

async fn limited(certificates: &Certificates, limits: &str, more: &str) -> Scenario {
    let setup = Setup::route("ttl = \"1m\"").section(&format!("[limits]\n{limits}\n{more}"));
    let scenario = certificates.start(setup).await;
    scenario.origin.on("/p", reply(200).body("here"));
    scenario
}

/// That an answer says that this client has too much of something.
fn refused(answer: &Answer, reason: &str) {
    assert_eq!((answer.status(), answer.value("retry-after")), (429, Some("1")), "{answer:?}");
    assert!(answer.cache_status().contains(&format!("detail={reason}")), "{answer:?}");
    let limit = answer.value("ratelimit").map(|limit| limit.contains(reason));
    assert_eq!(limit, (reason != "client-connections").then_some(true), "they tell of no connections: {answer:?}");
}

#[tokio::test]
async fn where_there_is_no_room_the_connection_ends_that_has_been_idle_longest() {
    let certificates = Certificates::new();
    let scenario = limited(&certificates, "connections = 3", "").await;
    let gate = Barrier::new();
    scenario.origin.on("/held", reply(200).hold(&gate).body("late"));
    let mut busy = certificates.client(&scenario).await;
    let held = busy.send(&fields("GET", "/held"), json!({})).await;
    scenario.origin.requested("/held", 1).await;
    let mut idle = certificates.client(&scenario).await;
    assert_eq!(idle.get("/p").await.body(), "here");
    // Those over TCP have their places in the same room.
    let mut over_tcp = scenario.connect().await;
    over_tcp.send(&get("/p")).await;
    over_tcp.response().await.status(200);
    let mut newest = certificates.client(&scenario).await;
    assert_eq!(newest.get("/p").await.body(), "here");
    assert_eq!(idle.closed().await, NO_ERROR);
    let mut newest_over_tcp = TcpClient::connect(scenario.running.data_address).await;
    newest_over_tcp.send(&get("/p")).await;
    newest_over_tcp.response().await.status(200);
    gate.open();
    let answer = busy.answer(held).await;
    assert_eq!((answer.body(), answer.is_whole()), ("late", true));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_until_one_ends_and_many_more_are_refused() {
    let certificates = Certificates::new();
    let scenario = limited(&certificates, "per_client = { connections = 1 }", "").await;
    let mut first = certificates.client(&scenario).await;
    assert_eq!(first.get("/p").await.body(), "here");
    let mut second = certificates.client(&scenario).await;
    refused(&second.get("/p").await, "client-connections");
    assert!(certificates.client(&scenario).await.is_refused().await, "many more are told nothing");
    assert!(scenario.metric("larder_client_limit_refusals_total{limit=\"connections\"}").await >= 1.0);
    assert_eq!(first.get("/p").await.body(), "here", "the first goes on");
    first.end().await;
    within("the place of the first", async { while second.get("/p").await.status() != 200 {} }).await;
}

#[tokio::test]
async fn a_client_makes_so_many_requests_in_a_second() {
    let certificates = Certificates::new();
    let scenario = limited(&certificates, "per_client = { requests_per_second = 1 }", "").await;
    let mut client: Client = certificates.client(&scenario).await;
    let over = within("a second with too many hits", async {
        loop {
            let answer = client.get("/p").await;
            if answer.status() != 200 {
                return answer;
            }
        }
    });
    refused(&over.await, "client-rate");
    within("a second with room", async { while client.get("/p").await.status() != 200 {} }).await;
}

#[tokio::test]
async fn a_client_has_so_many_requests_that_wait_for_the_origin_and_hits_beside_them() {
    let certificates = Certificates::new();
    let scenario = limited(&certificates, "per_client = { misses = 1 }", "").await;
    let gate = Barrier::new();
    scenario.origin.on("/held", reply(200).hold(&gate).body("late"));
    let mut client = certificates.client(&scenario).await;
    assert_eq!(client.get("/p").await.body(), "here");
    let held = client.send(&fields("GET", "/held"), json!({})).await;
    scenario.origin.requested("/held", 1).await;
    refused(&client.get("/other").await, "client-misses");
    assert_eq!(client.get("/p").await.body(), "here");
    gate.open();
    assert_eq!(client.answer(held).await.body(), "late");
}
