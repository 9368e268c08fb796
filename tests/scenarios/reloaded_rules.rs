//! Rules that are edited and reloaded: what is stored is judged by the route and the tags in force as well as by its own.

use crate::support::{Barrier, Scenario, Setup, get, post, reply};

const OLD: &str = "[[route]]\nname = \"old\"\npath = \"/**\"\nttl = \"1m\"\ntags = [\"old-tag\"]\n";
const NEW: &str = "[[route]]\nname = \"new\"\npath = \"/**\"\nttl = \"1m\"\ntags = [\"new-tag\"]\n";

const PURGES: [&str; 4] =
    [r#"{"routes": ["new"]}"#, r#"{"routes": ["old"]}"#, r#"{"tags": ["new-tag"]}"#, r#"{"tags": ["old-tag"]}"#];

async fn reload(scenario: &Scenario, rules: &str) {
    std::fs::write(scenario.rules_file(), rules).expect("the file is there");
    scenario.admin(post("/reload", "")).await.status(200);
}

#[tokio::test]
async fn what_was_stored_before_a_reload_is_purged_by_its_own_labels_and_by_those_in_force() {
    for purge in PURGES {
        for depth in ["", r#", "soft": true"#] {
            let scenario = Setup::rules(OLD).start().await;
            scenario.origin.on("/p", reply(200).body("one"));
            scenario.get("/p").await.says("stored");
            scenario.get("/p").await.hit();
            reload(&scenario, NEW).await;
            scenario.get("/p").await.hit();
            scenario.purge(&format!("{}{depth}}}", purge.trim_end_matches('}'))).await;
            let after = scenario.get("/p").await;
            assert!(!after.is_hit(), "{purge}{depth}: {after}");
        }
    }
}

#[tokio::test]
async fn a_purge_before_a_reload_holds_after_it() {
    let scenario = Setup::rules(OLD).start().await;
    scenario.origin.on("/p", reply(200).body("one"));
    scenario.get("/p").await.says("stored");
    // Nothing carries it under these rules.
    scenario.purge(r#"{"tags": ["new-tag"]}"#).await;
    scenario.get("/p").await.hit();
    reload(&scenario, NEW).await;
    scenario.get("/p").await.not_a_hit();
}

#[tokio::test]
async fn a_purge_by_rules_that_were_edited_back_since_holds() {
    for purge in [r#"{"routes": ["new"]}"#, r#"{"tags": ["new-tag"]}"#] {
        let scenario = Setup::rules(OLD).start().await;
        scenario.origin.on("/p", reply(200).body("one"));
        scenario.get("/p").await.says("stored");
        reload(&scenario, NEW).await;
        scenario.purge(purge).await;
        reload(&scenario, OLD).await;
        scenario.get("/p").await.not_a_hit();
        scenario.get("/p").await.hit();
    }
}

#[tokio::test]
async fn a_route_that_never_was_is_a_mistake_and_one_that_was_is_not() {
    let scenario = Setup::rules(OLD).start().await;
    reload(&scenario, NEW).await;
    scenario.admin(post("/purge", r#"{"routes": ["older"]}"#)).await.problem(400);
    reload(&scenario, OLD).await;
    for route in ["old", "new"] {
        scenario.purge(&format!(r#"{{"routes": ["{route}"]}}"#)).await;
    }
}

#[tokio::test]
async fn a_flight_from_before_a_reload_is_not_joined_after_a_purge_of_either_name() {
    for purge in PURGES {
        let scenario = Setup::rules(OLD).start().await;
        let gate = Barrier::new();
        scenario.origin.on_each("/p", [reply(200).hold(&gate).body("old"), reply(200).body("new")]);
        let mut before = scenario.begin(&get("/p")).await;
        gate.reached_by(1).await;
        reload(&scenario, NEW).await;
        scenario.purge(purge).await;
        let mut after = scenario.begin(&get("/p")).await;
        gate.open();
        before.response().await.body("old");
        after.response().await.body("new").not_a_hit();
        scenario.get("/p").await.body("new");
    }
}

#[tokio::test]
async fn what_a_fetch_from_before_a_reload_stores_is_purged_by_the_labels_in_force() {
    for purge in PURGES {
        let scenario = Setup::rules(OLD).start().await;
        let gate = Barrier::new();
        scenario.origin.on_each("/p", [reply(200).hold(&gate).body("one"), reply(200).body("two")]);
        let mut before = scenario.begin(&get("/p")).await;
        gate.reached_by(1).await;
        reload(&scenario, NEW).await;
        gate.open();
        before.response().await.body("one");
        scenario.until("it is stored", &get("/p"), crate::support::expect::Response::is_hit).await;
        scenario.purge(purge).await;
        scenario.get("/p").await.not_a_hit().body("two");
    }
}

#[tokio::test]
async fn what_was_hot_before_a_reload_is_refreshed_under_the_rules_in_force() {
    let scenario = Setup::rules(OLD).section("[refresh]\nafter_purge = 0").start().await;
    scenario.origin.on("/p", reply(200).body("one"));
    for _ in 0..5 {
        scenario.get("/p").await.status(200);
    }
    reload(&scenario, NEW).await;
    scenario.purge(r#"{"all": true}"#).await;
    scenario.origin.requested("/p", 2).await;
    scenario.until("the refreshed answer", &get("/p"), crate::support::expect::Response::is_hit).await;
    let explained = scenario.admin(get("/explain?url=http%3A%2F%2Fshop.test%2Fp")).await.text();
    let explained: serde_json::Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["stored"][0]["route"], "new", "{explained}");
    assert_eq!(explained["stored"][0]["tags"], serde_json::json!(["new-tag"]), "{explained}");
}
