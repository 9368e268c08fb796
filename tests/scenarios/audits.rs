//! Audits: a share of hits is compared with the origin's answer, and what was older is counted and shown.

use crate::support::{Scenario, Setup, deadline, get, post, reply};
use serde_json::{Value, json};

async fn consistency(scenario: &Scenario) -> Value {
    let said = scenario.admin(get("/consistency")).await;
    said.status(200);
    serde_json::from_str(&said.text()).expect("it is JSON")
}

/// Waits until so many have this verdict on the only route; what is shown then.
async fn until(scenario: &Scenario, verdict: &str, count: u64) -> Value {
    deadline::within(format!("{count} are {verdict}"), async {
        loop {
            let shown = consistency(scenario).await;
            if shown["routes"][0]["verdicts"][verdict].as_u64() >= Some(count) {
                return shown;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn shop(audit: &str) -> Scenario {
    let rules = format!("[[route]]\nname = \"p\"\npath = \"/p/**\"\nttl = \"1h\"\ntags = [\"all\"]\naudit = {audit}\n");
    Setup::rules(&rules).start().await
}

#[tokio::test]
async fn a_hit_that_the_origin_answers_alike_is_the_same_and_asks_it_once() {
    let scenario = shop("\"100%\"").await;
    scenario.origin.on("/p/1", reply(200).body("one"));
    scenario.get("/p/1").await.status(200);
    scenario.get("/p/1").await.hit().body("one");
    let shown = until(&scenario, "same", 1).await;
    let hits = &shown["routes"][0]["hits"];
    assert_eq!((&hits["compared"], &hits["stale"], &hits["rate"]), (&json!(1), &json!(0), &json!(0.0)), "{shown:#}");
    assert_eq!((&shown["confidence_percent"], &shown["found"]), (&json!(99.0), &json!([])));
    // The miss, and the comparison.
    scenario.origin.saw("/p/1", 2);
    // What was compared is not what is served from then on, and was no client's request.
    let metrics = scenario.admin(get("/metrics")).await.text();
    assert!(metrics.contains("larder_audit_total{route=\"p\",result=\"same\"} 1"), "{metrics}");
    assert!(metrics.contains("larder_audit_total{route=\"p\",result=\"stale\"} 0"), "{metrics}");
}

#[tokio::test]
async fn a_change_that_nobody_purged_is_found_and_shown_with_both_versions() {
    let scenario = shop("\"100%\"").await;
    scenario.origin.on("/p/1", reply(200).header("ETag", "\"old\"").body("old"));
    scenario.get("/p/1").await.status(200);
    scenario.origin.on("/p/1", reply(200).header("ETag", "\"new\"").body("new"));
    scenario.get("/p/1").await.hit().body("old");
    let shown = until(&scenario, "stale", 1).await;
    let found = &shown["found"][0];
    assert_eq!(
        (&found["served"]["etag"], &found["origin"]["etag"]),
        (&json!("\"old\""), &json!("\"new\"")),
        "{shown:#}"
    );
    assert_ne!(found["served"]["digest"], found["origin"]["digest"]);
    assert_eq!((&found["occasion"], &found["ignored_purge"]), (&json!("hit"), &Value::Null));
    assert!(found["url"].as_str().is_some_and(|url| url.ends_with("/p/1")), "{found}");
    let hits = &shown["routes"][0]["hits"];
    assert_eq!((&hits["compared"], &hits["stale"]), (&json!(1), &json!(1)));
    assert!(hits["low"].as_f64() > Some(0.0) && hits["by_age"][0]["stale"] == 1, "{hits}");
    // Found, and nothing done about it.
    scenario.get("/p/1").await.hit().body("old");
}

#[tokio::test]
async fn a_purge_that_comes_while_it_is_compared_excuses_it() {
    let scenario = shop("\"100%\"").await;
    scenario.origin.on("/p/1", reply(200).body("old"));
    scenario.get("/p/1").await.status(200);
    scenario.origin.on("/p/1", reply(200).body("new"));
    scenario.get("/p/1").await.hit().body("old");
    scenario.origin.requested("/p/1", 2).await;
    scenario.admin(post("/purge", r#"{"tags": ["all"]}"#)).await.status(200);
    let shown = until(&scenario, "purged-since", 1).await;
    assert_eq!((&shown["routes"][0]["hits"]["compared"], &shown["found"]), (&json!(0), &json!([])), "{shown:#}");
}

#[tokio::test]
async fn an_origin_that_never_answers_alike_is_told_from_one_that_has_changed() {
    let scenario = shop("\"100%\"").await;
    scenario.origin.on_each("/p/1", ["1", "2", "3"].map(|body| reply(200).body(body)));
    scenario.get("/p/1").await.status(200);
    scenario.get("/p/1").await.hit();
    let shown = until(&scenario, "unstable", 1).await;
    assert_eq!(shown["routes"][0]["hits"]["compared"], 0, "{shown:#}");
}

#[tokio::test]
async fn what_a_rule_lets_differ_does_not_count() {
    let scenario = shop("{ share = \"100%\", ignore = [\"$.at\"] }").await;
    let said_at = |at| reply(200).body(format!(r#"{{"at": {at}, "price": 5}}"#));
    scenario.origin.on_each("/p/1", [1, 2].map(said_at));
    scenario.get("/p/1").await.status(200);
    scenario.get("/p/1").await.hit();
    until(&scenario, "same", 1).await;
}

#[tokio::test]
async fn a_key_is_looked_at_once_more_after_its_purge() {
    let scenario = shop("\"100%\"").await;
    scenario.origin.on("/p/1", reply(200).body("one"));
    scenario.get("/p/1").await.status(200);
    // Hot is what was hit twice.
    for _ in 0..3 {
        scenario.get("/p/1").await.hit();
    }
    until(&scenario, "same", 3).await;
    scenario.admin(post("/purge", r#"{"tags": ["all"]}"#)).await.status(200);
    scenario.get("/p/1").await.status(200);
    let shown = until(&scenario, "same", 4).await;
    assert_eq!(shown["routes"][0]["after_purges"]["compared"], 1, "{shown:#}");
}

#[tokio::test]
async fn an_origin_that_fails_says_nothing_of_what_was_served() {
    let scenario = shop("\"100%\"").await;
    scenario.origin.on("/p/1", reply(200).body("one"));
    scenario.get("/p/1").await.status(200);
    scenario.origin.on("/p/1", reply(500).body("broken"));
    scenario.get("/p/1").await.hit();
    let shown = until(&scenario, "failed", 1).await;
    assert_eq!(shown["routes"][0]["hits"]["compared"], 0, "{shown:#}");
}
