//! Redis down, slow, full, read-only or locked: requests go on.

use super::house::{House, shop};
use crate::support::redis_server::RedisServer;
use crate::support::{Setup, reply};

/// Fetches, twice, through two instances on a Redis of which `spoil` makes something else.
async fn assert_requests_go_on(what: &str, spoil: impl AsyncFnOnce(&mut RedisServer)) {
    let mut house = House::build().await;
    spoil(&mut house.redis).await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body(what));
    for instance in [&house.one, &house.two, &house.one] {
        instance.fetch(&shop("/p")).await.status(200).body(what);
    }
}

#[tokio::test]
async fn requests_go_on_while_redis_is_down() {
    assert_requests_go_on("down", async |redis| redis.kill()).await;
}

#[tokio::test]
async fn requests_go_on_while_redis_hangs() {
    assert_requests_go_on("hangs", async |redis| redis.pause()).await;
}

#[tokio::test]
async fn requests_go_on_while_redis_is_full() {
    assert_requests_go_on("full", async |redis| {
        redis.command::<String>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    })
    .await;
}

#[tokio::test]
async fn requests_go_on_while_redis_can_only_be_read() {
    assert_requests_go_on("read-only", async |redis| {
        redis.command::<String>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    })
    .await;
}

#[tokio::test]
async fn requests_go_on_with_the_wrong_password() {
    let redis = RedisServer::start_with(&["--requirepass", "right"]).await;
    let url = redis.url().replace("redis://", "redis://:wrong@");
    let instance = Setup::route("").section(&format!("[redis]\nurl = \"{url}\"")).start().await;
    instance.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("all the same"));
    for _ in 0..2 {
        instance.get("/p").await.status(200).body("all the same");
    }
}

#[tokio::test]
async fn while_redis_hangs_it_is_left_alone_and_once_it_is_back_it_is_used_again() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
    house.redis.pause();
    house.one.fetch(&shop("/p")).await.status(200);
    assert!(house.one.metric("larder_redis_breaker_open").await > 0.0);
    // None of these waits for Redis: they are refused by the breaker, and counted so.
    let refused = "larder_redis_failures_total{failure=\"breaker-open\"}";
    let before = house.one.metric(refused).await;
    for nth in 0..3 {
        house.one.fetch(&shop(&format!("/other/{nth}"))).await;
    }
    assert!(house.one.metric(refused).await > before);
    house.redis.resume();
    crate::support::deadline::within("the breaker closing", async {
        while house.one.metric("larder_redis_breaker_open").await > 0.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
