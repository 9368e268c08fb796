//! Callers that leave while the log is slow, or as an instance ends: what they asked for is done for all instances.

use super::house::{House, shop};
use crate::support::deadline::within;
use crate::support::redis_server::RedisServer;
use crate::support::{Barrier, Scenario, post, reply, request};

const WRITE: &str = "purge_on_write = [\"all\"]";

async fn stock(house: &House, write: &crate::support::reply::Reply) {
    let write = write.clone();
    let answer = move |method: &str, body: &str| {
        let page = reply(200).header("Cache-Control", "max-age=60").body(body);
        if method == "PUT" { write.clone() } else { page }
    };
    let old = answer.clone();
    house.one.origin.on_request("/p", move |seen| old(&seen.method, "old"));
    for instance in [&house.one, &house.two] {
        instance.fetch(&shop("/p")).await.body("old");
        instance.fetch(&shop("/p")).await.hit();
    }
}

fn put() -> crate::support::Request {
    request("PUT", "/p").header("Host", super::house::HOST).body("x")
}

async fn until_not_a_hit(instance: &Scenario) {
    instance.until("the invalidation", &shop("/p"), |answer| !answer.is_hit()).await;
}

#[tokio::test]
async fn a_write_whose_invalidation_waits_for_the_log_is_invalidated_without_its_client() {
    let house = House::of(RedisServer::start().await, "", WRITE).await;
    stock(&house, &reply(204)).await;
    house.redis.pause();
    let client = house.one.begin(&put()).await;
    house
        .one
        .origin
        .until("the write", |all| all.iter().any(|seen| seen.method == "PUT" && !seen.body.is_empty()))
        .await;
    let counted = "larder_purges_total{scope=\"url\",source=\"unsafe_request\"}";
    within("the purge asked for", async {
        while house.one.metric(counted).await < 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.reset();
    until_not_a_hit(&house.one).await;
    house.redis.resume();
}

#[tokio::test]
async fn a_purge_and_an_event_that_wait_for_the_log_are_done_without_their_callers() {
    for (path, body) in [("/purge", r#"{"tags": ["all"]}"#), ("/events", r#"{"type": "changed"}"#)] {
        let block = "[[event]]\non = \"changed\"\npurge = { tags = [\"all\"] }";
        let house = House::of(RedisServer::start().await, "", block).await;
        stock(&house, &reply(204)).await;
        let source = if path == "/purge" { "admin" } else { "event" };
        let counted = format!("larder_purges_total{{scope=\"tag\",source=\"{source}\"}}");
        let before = house.one.metric(&counted).await;
        house.redis.pause();
        let mut caller = crate::support::client::Client::connect(house.one.running.admin_address).await;
        let host = house.one.running.admin_address.to_string();
        caller.send(&post(path, body).header("Host", &host).header("Content-Type", "application/json")).await;
        within("the purge asked for", async {
            while house.one.metric(&counted).await <= before {
                tokio::task::yield_now().await;
            }
        })
        .await;
        caller.reset();
        until_not_a_hit(&house.one).await;
        house.redis.resume();
    }
}

#[tokio::test]
async fn an_instance_that_ends_finishes_the_writes_whose_clients_have_left() {
    for (drain, is_answered) in [("20s", true), ("10ms", false)] {
        let house = House::of(RedisServer::start().await, &format!("[timeouts]\ndrain = \"{drain}\""), WRITE).await;
        let gate = Barrier::new();
        stock(&house, &reply(204).hold(&gate)).await;
        let House { redis, one, two } = house;
        let client = one.begin(&put()).await;
        gate.reached_by(1).await;
        client.reset();
        let page = reply(200).header("Cache-Control", "max-age=60").body("new");
        one.origin.on("/p", page);
        let stopping = tokio::spawn(one.running.stop());
        if is_answered {
            gate.open();
        }
        within("the end of the instance", stopping).await.unwrap();
        // It is in the log already.
        two.until("the new page", &shop("/p"), |answer| answer.text() == "new").await;
        drop(redis);
    }
}
