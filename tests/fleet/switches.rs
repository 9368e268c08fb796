//! Incident switches in a fleet: set at one instance, in force at all, those that start later included.

use super::house::{House, UNHURRIED, shop};
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::{Scenario, Setup, get, post, reply};
use serde_json::{Value, json};

const ROUTE: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\ntags = [\"all\"]\n";

async fn newcomer(house: &House) -> Scenario {
    let section = format!("[redis]\nurl = \"{}\"\ninstance = \"three\"\n{UNHURRIED}", house.redis.url());
    Setup::rules(ROUTE).section(&section).before(house.one.origin.address).start().await
}

async fn switch(instance: &Scenario, json: &str) -> Response {
    instance.admin(post("/routes/*/switch", json)).await
}

async fn on(instance: &Scenario) -> Value {
    let said: Value = serde_json::from_str(&instance.admin(get("/routes")).await.text()).expect("it is JSON");
    said["switches"].clone()
}

#[tokio::test]
async fn a_switch_holds_at_every_instance_and_at_those_that_start_later_until_it_is_ended() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
    house.two.fetch(&shop("/p")).await.body("one");
    let said = switch(&house.one, r#"{"mode": "bypass", "for": "10m", "why": "ill", "wait": "10s"}"#).await;
    said.status(200);
    let said: Value = serde_json::from_str(&said.text()).expect("it is JSON");
    assert_eq!((&said["applied"], &said["pending"]), (&json!(["one", "two"]), &json!([])), "{said}");
    house.two.fetch(&shop("/p")).await.forwarded("bypass").detail("switch-bypass");
    let three = newcomer(&house).await;
    three.fetch(&shop("/p")).await.forwarded("bypass").detail("switch-bypass");
    for instance in [&house.one, &house.two, &three] {
        let on = on(instance).await;
        assert_eq!((&on[0]["by"], &on[0]["why"], &on[1]), (&"one".into(), &"ill".into(), &Value::Null), "{on}");
    }
    switch(&three, r#"{"mode": "normal", "wait": "10s"}"#).await.status(200);
    house.two.fetch(&shop("/p")).await.hit().body("one");
    assert_eq!(on(&newcomer(&house).await).await, json!([]));
}

#[tokio::test]
async fn a_switch_outlives_the_loss_of_all_that_redis_holds() {
    let house = House::build().await;
    switch(&house.one, r#"{"mode": "freeze", "for": "10m", "wait": "10s"}"#).await.status(200);
    house.redis.command::<()>(&["FLUSHALL"]).await;
    // Whoever finds the log gone writes the switch into the new one.
    within("the log begun anew", async {
        loop {
            let entries = house.redis.command::<redis::Value>(&["XRANGE", "larder:purges", "-", "+"]).await;
            if format!("{entries:?}").contains("freeze") {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let three = newcomer(&house).await;
    for instance in [&house.one, &house.two, &three] {
        assert_eq!(on(instance).await[0]["mode"], "freeze");
    }
}

#[tokio::test]
async fn without_its_log_a_switch_holds_where_it_was_asked_for_and_that_is_said() {
    let mut house = House::build().await;
    house.redis.kill();
    let said = switch(&house.one, r#"{"mode": "bypass", "for": "10m"}"#).await;
    said.problem(503);
    assert!(said.text().contains("this instance has switched"), "{}", said.text());
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
    house.one.fetch(&shop("/p")).await.forwarded("bypass").detail("switch-bypass");
    assert_eq!(on(&house.two).await, json!([]));
}

#[tokio::test]
async fn an_entry_that_a_version_before_switches_reads_purges_nothing_and_one_of_a_later_version_neither() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
    house.two.fetch(&shop("/p")).await.body("one");
    let scopes = r#"[{"route":"*"}]"#;
    let later = r#"{"route":"*","mode":"slow-motion","set_at_ms":1,"until_ms":99,"why":"","who":"","by":"new"}"#;
    let fields =
        ["kind", "purge", "depth", "soft", "source", "fleet", "scopes", scopes, "part", "earlier", "by", "new"];
    for switch in [&[][..], &["switch", later]] {
        let command = [&["XADD", "larder:purges", "*"], &fields[..], switch].concat();
        house.redis.command::<String>(&command).await;
    }
    house.until_current().await;
    house.two.fetch(&shop("/p")).await.hit().body("one");
    assert_eq!(on(&house.two).await, json!([]));
}
