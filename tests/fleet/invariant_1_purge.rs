//! A purge asked of one instance holds at all of them, whatever happens to Redis meanwhile.

use super::house::{House, purge, shop, until_written};
use crate::support::expect::Response;
use crate::support::redis_server::RedisServer;
use crate::support::{get, post, reply};

#[tokio::test]
async fn after_a_purge_at_one_instance_no_instance_serves_what_was_there() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("old"));
    for instance in [&house.one, &house.two] {
        instance.fetch(&shop("/p")).await.status(200).body("old");
    }
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("new"));
    let answer = purge(&house.one, r#"{"tags": ["all"], "wait": "10s"}"#).await;
    assert!(answer.status(200).text().contains(r#""applied":["one","two"],"pending":[]"#), "{answer}");
    for instance in [&house.two, &house.one] {
        instance.fetch(&shop("/p")).await.status(200).body("new");
    }
}

#[tokio::test]
async fn what_redis_has_of_what_a_hard_purge_took_is_fetched_whole_and_never_stands_in() {
    let house = House::build().await;
    let origin = &house.one.origin;
    origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").body("old"));
    house.one.fetch(&shop("/p")).await.status(200).body("old");
    until_written(&house.one, 1.0).await;
    purge(&house.one, r#"{"tags": ["all"], "wait": "10s"}"#).await.status(200);
    // It is in Redis still, and the other instance has nothing else.
    origin.on("/p", reply(503).body("down"));
    house.two.fetch(&shop("/p")).await.status(503);
    origin.on_request("/p", |seen| match seen.value("If-None-Match") {
        Some(_) => reply(304).header("ETag", "\"1\""),
        None => reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").body("new"),
    });
    house.two.fetch(&shop("/p")).await.status(200).body("new");
    house.one.fetch(&shop("/p")).await.status(200).body("new");
}

#[tokio::test]
async fn every_instance_knows_a_receipt_and_a_repeated_purge_is_one_purge() {
    let house = House::build().await;
    let ask = || post("/purge", r#"{"tags": ["all"], "wait": "10s"}"#).header("Idempotency-Key", "price-7");
    let first = house.one.admin(ask()).await.status(200).text();
    let again = house.one.admin(ask()).await.status(200).text();
    assert_eq!(first, again);
    let id = first.split('"').nth(3).expect("the id comes first").to_owned();
    house.two.admin(get(&format!("/purges/{id}"))).await.status(200);
    let at_the_other = house.two.admin(ask()).await.status(200).text();
    assert!(at_the_other.contains(&id), "{at_the_other}");
}

#[tokio::test]
async fn a_key_stands_for_one_body_at_every_instance() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("old"));
    house.two.fetch(&shop("/p")).await.body("old");
    let ask = |json: &str| post("/purge", json).header("Idempotency-Key", "price-7");
    house.one.admin(ask(r#"{"tags": ["other"], "wait": "10s"}"#)).await.status(200);
    house.two.admin(ask(r#"{"tags": ["all"]}"#)).await.problem(422);
    house.two.fetch(&shop("/p")).await.hit().body("old");
}

#[tokio::test]
async fn a_call_made_at_two_instances_at_once_is_one_purge_to_its_callers() {
    let house = House::build().await;
    let ask = || post("/purge", r#"{"tags": ["all"], "wait": "10s"}"#).header("Idempotency-Key", "price-7");
    let (one, two) = tokio::join!(house.one.admin(ask()), house.two.admin(ask()));
    // Each tells by its own clock when it heard of the purge.
    let told = |answer: &Response| {
        let mut receipt: serde_json::Value = serde_json::from_str(&answer.status(200).text()).expect("a receipt");
        receipt["requested_at"].take();
        receipt
    };
    assert_eq!(told(&one), told(&two));
}

#[tokio::test]
async fn an_instance_that_has_left_is_waited_for_no_more() {
    let House { redis, one, two } = House::build().await;
    two.running.stop().await;
    let answer = purge(&one, r#"{"tags": ["all"], "wait": "10s"}"#).await;
    assert!(answer.status(200).text().contains(r#""applied":["one"],"pending":[]"#), "{answer}");
    drop(redis);
}

#[tokio::test]
async fn a_purge_that_the_log_cannot_take_holds_here_and_may_be_repeated() {
    let mut house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("old"));
    house.one.fetch(&shop("/p")).await.body("old");
    house.redis.kill();
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("new"));
    purge(&house.one, r#"{"tags": ["all"]}"#).await.status(503);
    house.one.fetch(&shop("/p")).await.status(200).body("new");
    house.redis.restart_empty().await;
    let taken = |answer: crate::support::expect::Response| answer.status == 200;
    crate::support::deadline::within("the log taking the purge again", async {
        while !taken(purge(&house.one, r#"{"tags": ["all"], "wait": "10s"}"#).await) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    house.two.fetch(&shop("/p")).await.status(200).body("new");
}

#[tokio::test]
async fn what_is_older_than_a_restart_of_redis_is_validated() {
    assert_validated_after(async |redis| {
        redis.kill();
        redis.restart_empty().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_older_than_a_flush_of_redis_is_validated() {
    assert_validated_after(async |redis| drop(redis.command::<String>(&["FLUSHALL"]).await)).await;
}

/// Redis loses everything: it may have held purges that this or that instance has not applied.
async fn assert_validated_after(lose: impl AsyncFnOnce(&mut RedisServer)) {
    let mut house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("old"));
    for instance in [&house.one, &house.two] {
        instance.fetch(&shop("/p")).await.body("old");
    }
    lose(&mut house.redis).await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("new"));
    for instance in [&house.one, &house.two] {
        instance.until("the old answer validated", &shop("/p"), |answer| answer.text() == "new").await;
    }
}

#[tokio::test]
async fn cut_off_for_longer_than_the_grace_hits_are_validated_and_served_only_if_the_origin_fails() {
    let mut house = House::with("partition_grace = \"1s\"").await;
    let answer = reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"");
    house.one.origin.on("/p", answer.clone().body("old"));
    house.one.fetch(&shop("/p")).await.body("old");
    house.one.fetch(&shop("/p")).await.hit();
    house.redis.kill();
    let validated = |answer: &crate::support::expect::Response| answer.cache_status().contains("detail=unproven");
    house.one.until("hits being validated", &shop("/p"), validated).await.status(200);
    house.one.origin.on("/p", reply(503).body("away"));
    let stood_in = house.one.fetch(&shop("/p")).await;
    stood_in.status(200).body("old");
    assert!(stood_in.cache_status().contains("stale-if-error"), "{stood_in}");
}
