//! Events in the Redis stream: each is taken once in the fleet, none is lost, none holds up another.

use super::house::{House, shop};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;
use crate::support::{Scenario, Setup, deadline, reply};

const BLOCKS: &str = "[[event]]\non = \"changed\"\npurge = { tags = [\"{tag}\"] }";

async fn house() -> House {
    House::of(RedisServer::start().await, "", BLOCKS).await
}

async fn publish(house: &House, fields: &[&str]) {
    let words: Vec<&str> = ["XADD", "larder:events", "*"].into_iter().chain(fields.iter().copied()).collect();
    house.redis.command::<String>(&words).await;
}

async fn stock(house: &House) {
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
    for instance in [&house.one, &house.two] {
        instance.fetch(&shop("/p")).await.status(200);
        instance.fetch(&shop("/p")).await.hit();
    }
}

/// The shop changes the page; what is stored of it stays until it is purged.
fn change(house: &House) {
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("two"));
}

/// Waits until an instance, which may take it from the other, answers what the page is now.
async fn until_changed(instance: &Scenario) {
    deadline::within("the changed page", async {
        while instance.fetch(&shop("/p")).await.text() != "two" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn until_acknowledged(house: &House) {
    deadline::within("all events acknowledged", async {
        loop {
            let groups: Vec<redis::Value> = house.redis.command(&["XINFO", "GROUPS", "larder:events"]).await;
            let text = format!("{groups:?}");
            if text.contains("bulk-string('\"lag\"'), int(0)") && text.contains("bulk-string('\"pending\"'), int(0)") {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_in_the_stream_purges_at_every_instance_whatever_stands_before_it() {
    let house = house().await;
    stock(&house).await;
    change(&house);
    publish(&house, &["type", "unknown", "id", "1"]).await;
    publish(&house, &["no-type", "at-all"]).await;
    publish(&house, &["type", "changed"]).await;
    publish(&house, &["type", "changed", "tag", "all"]).await;
    until_changed(&house.one).await;
    until_changed(&house.two).await;
    until_acknowledged(&house).await;
    let mut purged = 0.0;
    for instance in [&house.one, &house.two] {
        purged += instance.metric(r#"larder_events_total{source="stream",type="changed",result="purged"}"#).await;
    }
    assert!((purged - 1.0).abs() < f64::EPSILON, "the event was taken {purged} times");
}

#[tokio::test]
async fn an_event_that_came_before_the_fleet_is_taken_and_one_after_redis_lost_everything() {
    let redis = RedisServer::start().await;
    redis.command::<String>(&["XADD", "larder:events", "*", "type", "changed", "tag", "early"]).await;
    let mut house = House::of(redis, "", BLOCKS).await;
    until_acknowledged(&house).await;
    stock(&house).await;
    house.redis.kill();
    house.redis.restart_empty().await;
    change(&house);
    publish(&house, &["type", "changed", "tag", "all"]).await;
    until_acknowledged(&house).await;
    until_changed(&house.one).await;
    until_changed(&house.two).await;
}

#[tokio::test]
async fn the_first_of_a_fleet_that_listens_to_postgresql_covers_the_gap_before_it_and_the_others_do_not() {
    let postgres = PostgresServer::start().await;
    let redis = RedisServer::start().await;
    let listening = |name: &str| {
        let postgres = format!("[events.postgres]\nurl = \"{}\"", postgres.url());
        let section = format!("[redis]\nurl = \"{}\"\ninstance = \"{name}\"\n{postgres}", redis.url());
        Setup::route(&format!("tags = [\"all\"]\n{BLOCKS}")).section(&section)
    };
    let gap = r#"larder_events_total{source="postgres",type="other",result="gap"}"#;
    let one = listening("one").start().await;
    deadline::within("the gap before the first covered", async {
        while one.metric(gap).await < 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let two = listening("two").start().await;
    deadline::within("the second listening", async {
        let taken = r#"larder_events_total{source="postgres",type="changed",result="purged"}"#;
        while two.metric(taken).await < 1.0 {
            postgres.notify(r#"{"type": "changed", "tag": "some"}"#).await;
        }
    })
    .await;
    assert!(two.metric(gap).await < 1.0, "the first has heard all");
}
