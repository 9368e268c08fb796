//! Stamps across instances: who has written through one is answered from nothing older by another, whatever happens to
//! Redis meanwhile (invariant 10).

use super::house::{House, shop, until_written};
use crate::support::deadline::within;
use crate::support::redis_server::RedisServer;
use crate::support::relay::Relay;
use crate::support::reply::Reply;
use crate::support::request::Request;
use crate::support::{Barrier, Scenario, Setup, reply, request};

const FIELD: &str = "Larder-Stamp";

fn fresh(body: &str) -> Reply {
    reply(200).header("Cache-Control", "max-age=60").body(body)
}

async fn house(stamps: &str) -> House {
    House::stamped(RedisServer::start().await, None, stamps).await
}

/// Writes something through an instance, and returns the stamp of that.
async fn write(instance: &Scenario) -> String {
    let answer = instance.fetch(&request("PUT", "/cart").header("Host", super::house::HOST).body("x")).await;
    let stamp = answer.status(204).value(FIELD);
    stamp.unwrap_or_else(|| panic!("no stamp: {answer}")).to_owned()
}

fn since(stamp: &str) -> Request {
    shop("/p").header(FIELD, stamp)
}

/// Both instances hold what is old by the next write.
async fn old_at_both(house: &House) {
    let origin = &house.one.origin;
    origin.on("/cart", reply(204));
    origin.on("/p", fresh("old"));
    for instance in [&house.one, &house.two] {
        instance.fetch(&shop("/p")).await.body("old");
    }
    origin.on("/p", fresh("new"));
}

#[tokio::test]
async fn what_was_written_through_one_instance_is_seen_through_every_other() {
    let house = house("wait = \"10s\"").await;
    old_at_both(&house).await;
    let stamp = write(&house.one).await;
    house.two.fetch(&shop("/p")).await.hit().body("old");
    for instance in [&house.two, &house.one] {
        instance.fetch(&since(&stamp)).await.body("new");
        instance.fetch(&since(&stamp)).await.hit().body("new");
    }
}

#[tokio::test]
async fn what_redis_holds_from_before_is_not_taken() {
    let house = house("wait = \"10s\"").await;
    house.one.origin.on("/cart", reply(204));
    house.one.origin.on("/p", fresh("old"));
    house.one.fetch(&shop("/p")).await.body("old");
    until_written(&house.one, 1.0).await;
    house.one.origin.on("/p", fresh("new"));
    let stamp = write(&house.one).await;
    house.two.fetch(&since(&stamp)).await.not_a_hit().body("new");
}

#[tokio::test]
async fn no_older_fetch_of_another_instance_is_waited_for() {
    let house = house("wait = \"10s\"").await;
    let gate = Barrier::new();
    house.one.origin.on("/cart", reply(204));
    house.one.origin.on_each("/p", [fresh("old").hold(&gate), fresh("new")]);
    let mut reading = house.one.begin(&shop("/p")).await;
    gate.reached_by(1).await;
    let stamp = write(&house.two).await;
    house.two.fetch(&since(&stamp)).await.body("new");
    gate.open();
    reading.response().await.body("old");
    house.one.fetch(&since(&stamp)).await.body("new");
}

#[tokio::test]
async fn an_instance_that_has_not_heard_of_the_write_asks_the_origin() {
    let redis = RedisServer::start().await;
    let relay = Relay::to(([127, 0, 0, 1], redis.port()).into()).await;
    let house = House::stamped(redis, Some(&relay), "wait = \"1ms\"").await;
    old_at_both(&house).await;
    relay.cut();
    let stamp = write(&house.one).await;
    // For as long as it may be cut off, others are served what it has.
    house.two.fetch(&shop("/p")).await.body("old");
    for _ in 0..2 {
        house.two.fetch(&since(&stamp)).await.not_a_hit().detail("stamp-unreached").body("new");
    }
    relay.mend();
    within("the write to be heard of", async {
        while !house.two.fetch(&since(&stamp)).await.body("new").is_hit() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_that_redis_could_not_take_is_followed_by_the_origins_own_answers() {
    let mut house = house("").await;
    old_at_both(&house).await;
    house.redis.kill();
    let stamp = write(&house.one).await;
    assert!(stamp.starts_with("unplaced."), "{stamp}");
    for instance in [&house.two, &house.one] {
        instance.fetch(&since(&stamp)).await.not_a_hit().body("new");
    }
    house.redis.restart_empty().await;
    house.until_current().await;
    for instance in [&house.two, &house.one] {
        instance.fetch(&since(&stamp)).await.not_a_hit().detail("stamp-unreached").body("new");
    }
}

#[tokio::test]
async fn a_stamp_of_what_redis_has_lost_is_followed_by_the_origins_own_answers() {
    let mut house = house("").await;
    old_at_both(&house).await;
    let stamp = write(&house.one).await;
    house.redis.kill();
    house.redis.restart_empty().await;
    house.until_current().await;
    for instance in [&house.two, &house.one] {
        instance.fetch(&since(&stamp)).await.not_a_hit().body("new");
    }
    let later = write(&house.one).await;
    house.two.fetch(&since(&later)).await.body("new");
}

#[tokio::test]
async fn an_instance_that_starts_later_takes_it_too() {
    let house = house("wait = \"10s\"").await;
    old_at_both(&house).await;
    let stamp = write(&house.one).await;
    let section = format!("[redis]\nurl = \"{}\"\ninstance = \"three\"\ntimeout = \"2s\"", house.redis.url());
    let setup = Setup::route("tags = [\"all\"]").section(&section).stamps("wait = \"10s\"");
    let three = setup.before(house.one.origin.address).start().await;
    three.fetch(&since(&stamp)).await.body("new");
    three.fetch(&since(&stamp)).await.hit().body("new");
}
