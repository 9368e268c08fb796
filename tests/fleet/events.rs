//! Events in the Redis stream: each is taken once in the fleet, none is lost, none holds up another.

use super::house::{House, shop};
use crate::support::postgres_server::PostgresServer;
use crate::support::redis_server::RedisServer;
use crate::support::{Scenario, Setup, deadline, get, post, reply};

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
    // A field that stands there twice has both values.
    publish(&house, &["type", "changed", "tag", "all", "tag", "other"]).await;
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
async fn an_event_too_large_to_be_taken_purges_all_that_it_could_have_named() {
    let house = house().await;
    stock(&house).await;
    change(&house);
    publish(&house, &["type", "changed", "tag", "all", "why", &"x".repeat(2 << 20)]).await;
    until_changed(&house.one).await;
    until_changed(&house.two).await;
    until_acknowledged(&house).await;
}

#[tokio::test]
async fn what_an_instance_took_and_did_not_acknowledge_before_it_died_is_taken_again() {
    let redis = RedisServer::start().await;
    redis.command::<String>(&["XGROUP", "CREATE", "larder:events", "larder", "0", "MKSTREAM"]).await;
    let id: String = redis.command(&["XADD", "larder:events", "*", "type", "changed", "tag", "all"]).await;
    let taken = ["XREADGROUP", "GROUP", "larder", "dead", "STREAMS", "larder:events", ">"];
    redis.command::<redis::Value>(&taken).await;
    redis.command::<redis::Value>(&["XCLAIM", "larder:events", "larder", "dead", "0", &id, "IDLE", "60000"]).await;
    let house = House::of(redis, "", BLOCKS).await;
    until_acknowledged(&house).await;
    let mut purged = 0.0;
    for instance in [&house.one, &house.two] {
        purged += instance.metric(r#"larder_events_total{source="stream",type="changed",result="purged"}"#).await;
    }
    assert!((purged - 1.0).abs() < f64::EPSILON, "the event was taken {purged} times");
}

#[tokio::test]
async fn a_long_list_is_purged_at_every_instance_under_one_receipt() {
    let house = house().await;
    stock(&house).await;
    change(&house);
    let entries: usize = house.redis.command(&["XLEN", "larder:purges"]).await;
    let tags: Vec<String> = (0..25_000).map(|n| format!("\"t{n}\"")).chain(["\"all\"".to_owned()]).collect();
    let event = format!(r#"{{"type": "changed", "tag": [{}]}}"#, tags.join(","));
    let answer = house.one.admin(post("/events", &event)).await.status(200).text();
    until_changed(&house.one).await;
    until_changed(&house.two).await;
    assert_eq!(house.redis.command::<usize>(&["XLEN", "larder:purges"]).await, entries + 3);
    let id = answer.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a receipt");
    assert_eq!(answer.matches("\"id\":").count(), 1, "{answer}");
    for instance in [&house.one, &house.two] {
        let found = instance.admin(get(&format!("/purges/{id}"))).await.status(200).text();
        assert!(found.contains("\"scopes_total\":25001"), "{found}");
        assert!(found.contains(r#""applied":["one","two"],"pending":[]"#), "{found}");
    }
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
