//! Tags that stand in a JSON body: `tags_from_body`.

use crate::support::{Barrier, Scenario, Setup, get, reply};

async fn tagged_by_sku() -> Scenario {
    Setup::route("ttl = \"1m\"\ntags_from_body = [\"$.items[*].sku\"]\ntag_prefix = \"sku:\"").start().await
}

const LIST: &str = r#"{"items": [{"sku": "a"}, {"sku": 7}]}"#;

#[tokio::test]
async fn a_list_is_purged_by_each_of_its_items() {
    for (tag, hit) in [("sku:a", false), ("sku:7", false), ("sku:b", true), ("a", true)] {
        let scenario = tagged_by_sku().await;
        scenario.origin.on("/list", reply(200).header("Content-Type", "application/json").body(LIST));
        scenario.get("/list").await.body(LIST);
        scenario.get("/list").await.hit();
        scenario.purge(&format!("{{\"tags\": [\"{tag}\"]}}")).await;
        assert_eq!(scenario.get("/list").await.is_hit(), hit, "{tag}");
    }
}

#[tokio::test]
async fn a_list_that_the_origin_confirms_keeps_its_tags() {
    let scenario = tagged_by_sku().await;
    let list = reply(200).header("ETag", "\"1\"").header("Cache-Control", "no-cache").body(LIST);
    scenario.origin.on_each(
        "/list",
        [list.clone(), reply(304).header("ETag", "\"1\"").header("Cache-Control", "max-age=60"), list],
    );
    scenario.get("/list").await.status(200);
    scenario.get("/list").await.status(200);
    scenario.get("/list").await.hit();
    scenario.purge(r#"{"tags": ["sku:a"]}"#).await;
    scenario.get("/list").await.not_a_hit();
}

#[tokio::test]
async fn what_cannot_be_read_is_not_stored() {
    for body in [
        "no json",
        r#"{"items": [{"sku": "line\nbreak"}]}"#,
        r#"{"items": [{"sku": ["a", "b"]}]}"#,
        // Numbers whose digits a double changes: nobody could name the tag that would come of it.
        r#"{"items": [{"sku": 12345678901234567890123}]}"#,
        r#"{"items": [{"sku": 1.50}]}"#,
        r#"{"items": [{"sku": 1e3}]}"#,
        // A name that stands twice: readers differ on which of the two a client is shown.
        r#"{"items": [{"sku": "a", "sku": "b"}]}"#,
        r#"{"items": [{"sku": "a"}], "items": [{"sku": "b"}]}"#,
    ] {
        let scenario = tagged_by_sku().await;
        scenario.origin.on("/list", reply(200).body(body));
        for _ in 0..2 {
            scenario.get("/list").await.status(200).body(body).not_a_hit();
        }
    }
}

#[tokio::test]
async fn a_request_after_a_purge_does_not_join_a_fetch_whose_items_are_not_known_yet() {
    let scenario = tagged_by_sku().await;
    let gate = Barrier::new();
    scenario.origin.on_each("/list", [reply(200).hold(&gate).body(LIST), reply(200).body(r#"{"items": []}"#)]);
    let mut before = scenario.begin(&get("/list")).await;
    gate.reached_by(1).await;
    scenario.purge(r#"{"tags": ["sku:a"]}"#).await;
    scenario.get("/list").await.not_a_hit().body(r#"{"items": []}"#);
    gate.open();
    before.response().await.body(LIST);
}
