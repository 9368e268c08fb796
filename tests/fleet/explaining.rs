//! `GET /explain` tells what Redis holds, and leaves it there.

use super::house::{HOST, House, purge, shop, until_written};
use crate::support::{Scenario, get, reply};
use serde_json::{Value, json};

async fn explain(instance: &Scenario) -> Value {
    let answer = instance.admin(get(&format!("/explain?url=http%3A%2F%2F{HOST}%2Fp"))).await;
    serde_json::from_str(&answer.status(200).text()).expect("it is JSON")
}

/// A fleet whose first instance has fetched the path, and Redis has it.
async fn fetched() -> House {
    let house = House::build().await;
    assert_eq!(explain(&house.two).await["shared"], json!({"state": "absent", "asked": true, "stored": []}));
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("one"));
    house.one.fetch(&shop("/p")).await.status(200);
    until_written(&house.one, 1.0).await;
    house
}

#[tokio::test]
async fn what_another_instance_fetched_is_found_and_not_taken() {
    let house = fetched().await;
    for _ in 0..2 {
        let explained = explain(&house.two).await;
        let (shared, would) = (&explained["shared"], &explained["would"]);
        assert_eq!((&shared["state"], &shared["asked"]), (&json!("present"), &json!(true)), "{explained}");
        assert_eq!((&would["outcome"], &would["reason"]), (&json!("hit"), &json!("shared-tier")), "{explained}");
        assert_eq!(explained["stored"], json!([]), "it was kept in memory");
        let stored = &shared["stored"][0];
        assert_eq!((&stored["picked"], &stored["standing"]), (&json!(true), &json!("clear")), "{explained}");
        assert_eq!((&stored["tags"], &stored["fresh_for_secs"]), (&json!(["all"]), &json!(60)), "{explained}");
        assert!(stored["age_secs"].as_u64().is_some(), "{explained}");
        // Where the fleet is in its log.
        assert!(stored["stamp"].as_str().is_some_and(|stamp| stamp.len() > 10), "{explained}");
    }
    assert_eq!(explain(&house.one).await["shared"]["asked"], json!(false), "its memory answers");
    for result in ["hit", "miss"] {
        let counted = format!("larder_cache_lookups_total{{tier=\"redis\",result=\"{result}\"}}");
        assert!(house.two.metric(&counted).await < 1.0, "{result} was counted");
    }
    house.two.fetch(&shop("/p")).await.hit().detail("shared-tier");
}

#[tokio::test]
async fn what_a_purge_covers_is_told_as_covered() {
    let house = fetched().await;
    purge(&house.one, r#"{"tags": ["all"], "wait": "10s"}"#).await.status(200);
    let explained = explain(&house.two).await;
    assert_eq!(explained["shared"]["state"], "present", "{explained}");
    assert_eq!(explained["shared"]["stored"][0]["standing"], "purged", "{explained}");
    assert_eq!(explained["would"]["outcome"], "miss", "{explained}");
}

#[tokio::test]
async fn a_redis_that_hangs_is_told_as_unavailable() {
    let house = fetched().await;
    house.redis.pause();
    let explained = explain(&house.two).await;
    assert_eq!(explained["shared"], json!({"state": "unavailable", "asked": true, "stored": []}), "{explained}");
    assert_eq!(explained["would"]["outcome"], "miss", "{explained}");
    house.redis.resume();
}
