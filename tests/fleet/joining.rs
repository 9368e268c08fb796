//! A start: the instance knows every purge before it serves, so that it can serve at once what Redis has.

use super::house::{HOST, House, UNHURRIED, purge, shop, until_written};
use crate::support::redis_server::free_port;
use crate::support::{Barrier, Scenario, Setup, get, reply};

/// Another instance of the fleet, just started, with this route.
async fn newcomer(house: &House, route: &str) -> Scenario {
    let section = format!("[redis]\nurl = \"{}\"\ninstance = \"three\"\n{UNHURRIED}", house.redis.url());
    Setup::rules(route).section(&section).before(house.one.origin.address).start().await
}

const ROUTE: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\ntags = [\"all\"]\n";

#[tokio::test]
async fn a_start_serves_at_once_what_redis_has() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"1\"").body("one"));
    house.one.fetch(&shop("/p")).await.body("one");
    until_written(&house.one, 1.0).await;
    let three = newcomer(&house, ROUTE).await;
    three.fetch(&shop("/p")).await.hit().detail("shared-tier").body("one");
    three.fetch(&shop("/p")).await.hit();
    three.admin(get("/readyz")).await.status(200);
    house.one.origin.saw("/p", 1);
}

#[tokio::test]
async fn who_comes_right_after_a_start_shares_one_fetch() {
    let house = House::build().await;
    let gate = Barrier::new();
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").hold(&gate).body("one"));
    let three = newcomer(&house, ROUTE).await;
    let mut waiting = Vec::new();
    for _ in 0..60 {
        waiting.push(three.begin(&get("/p").header("Host", HOST)).await);
    }
    gate.reached_by(1).await;
    gate.open();
    for client in &mut waiting {
        client.response().await.status(200).body("one");
    }
    house.one.origin.saw("/p", 1);
}

#[tokio::test]
async fn a_start_goes_on_without_redis_once_its_wait_is_over() {
    let section = format!("[redis]\nurl = \"redis://127.0.0.1:{}\"\njoin_wait = \"50ms\"", free_port());
    let scenario = Setup::route("ttl = \"1m\"").section(&section).start().await;
    scenario.origin.on("/p", reply(200).body("one"));
    scenario.admin(get("/readyz")).await.status(200);
    scenario.get("/p").await.status(200).body("one");
}

#[tokio::test]
async fn what_comes_from_redis_is_judged_by_the_rules_in_force_here() {
    for purged in [r#"{"tags": ["renamed"]}"#, r#"{"routes": ["renamed"]}"#, r#"{"tags": ["all"]}"#] {
        let house = House::build().await;
        house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
        house.one.fetch(&shop("/p")).await.body("one");
        until_written(&house.one, 1.0).await;
        let three = newcomer(&house, "[[route]]\nname = \"renamed\"\npath = \"/**\"\ntags = [\"renamed\"]\n").await;
        purge(&three, purged).await.status(200);
        three.fetch(&shop("/p")).await.status(200).not_a_hit();
        house.one.origin.saw("/p", 2);
    }
}
