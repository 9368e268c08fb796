//! A fleet of two versions, or by two sets of rules: an upgrade, a roll-back, a roll-out. It works, and it is told.

use super::house::{House, purge, shop};
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::{Scenario, get, post, reply};
use serde_json::Value;

const VERSIONS: &str = "larder_fleet_versions_mixed";
const RULES: &str = "larder_fleet_rules_mixed";

/// Waits until an instance says so of the fleet.
async fn until(instance: &Scenario, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    within(what, async {
        loop {
            let stats = instance.admin(get("/stats")).await.text();
            let stats: Value = serde_json::from_str(&stats).expect("it is JSON");
            if holds(&stats["fleet"]) {
                return stats["fleet"].clone();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Writes the lease of an instance that is none of ours, at this stamp, as every version so far does.
async fn lease(house: &House, instance: &str, stamp: &str) {
    let name = format!("larder:instance:{instance}");
    house.redis.command::<()>(&["SET", &name, stamp, "PX", "60000"]).await;
    house.redis.command::<()>(&["ZADD", "larder:instances", "9999999999999", instance]).await;
}

fn pending(receipt: &Response) -> bool {
    receipt.text().contains("\"pending\":[\"other\"]")
}

#[tokio::test]
async fn instances_say_their_version_and_rules_and_a_roll_out_of_rules_is_told_until_it_is_over() {
    let house = House::build().await;
    let fleet =
        until(&house.one, "both in the fleet", |fleet| fleet["instances"].as_array().map_or(0, Vec::len) == 2).await;
    let fleet = match fleet["instances"][1]["version"].as_str() {
        Some(_) => fleet,
        None => until(&house.one, "both introduced", |fleet| fleet["instances"][1]["version"].is_string()).await,
    };
    assert_eq!(fleet["instances"][0]["instance"], "one");
    assert_eq!(fleet["instances"][0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(fleet["instances"][0]["rules"], fleet["instances"][1]["rules"]);
    assert_eq!((&fleet["versions_mixed"], &fleet["rules_mixed"]), (&Value::Bool(false), &Value::Bool(false)));
    let shown: Value = serde_json::from_str(&house.one.admin(get("/rules")).await.text()).expect("it is JSON");
    assert_eq!(shown["digest"], fleet["instances"][0]["rules"]);
    let rules = std::fs::read_to_string(house.two.rules_file()).expect("it is there");
    for (text, is_mixed) in [(format!("{rules}\n# another text\n"), true), (rules, false)] {
        std::fs::write(house.two.rules_file(), text).expect("the folder is ours");
        house.two.admin(post("/reload", "")).await.status(200);
        for instance in [&house.one, &house.two] {
            until(instance, "the rules of both", |fleet| fleet["rules_mixed"] == is_mixed).await;
            assert!((instance.metric(RULES).await > 0.5) == is_mixed);
            assert!(instance.metric(VERSIONS).await < 0.5);
        }
    }
}

#[tokio::test]
async fn an_upgrade_and_a_roll_back_under_load_are_told_and_lose_neither_purges_nor_answers() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=600").body("p"));
    // The version before says nothing of itself; the next one says more than this one knows.
    let next = r#"{"version":"99.0.0","rules":"0123456789abcdef","zone":{"name":"eu"}}"#;
    for (about, version) in [(None, Value::Null), (Some(next), Value::from("99.0.0"))] {
        lease(&house, "other", "0-0.0").await;
        if let Some(about) = about {
            house.redis.command::<()>(&["SET", "larder:about:other", about, "PX", "60000"]).await;
        }
        for instance in [&house.one, &house.two] {
            let of_other = |fleet: &Value| {
                let all = fleet["instances"].as_array().cloned().unwrap_or_default();
                all.iter().any(|shown| shown["instance"] == "other" && shown["version"] == version)
            };
            until(instance, "the other's version", |fleet| of_other(fleet) && fleet["versions_mixed"] == true).await;
            assert!(instance.metric(VERSIONS).await > 0.5);
        }
        // Requests all the while, and a purge that waits for the other one as for any.
        let load = async {
            for _ in 0..100 {
                for instance in [&house.one, &house.two] {
                    instance.fetch(&shop("/p")).await.status(200).body("p");
                }
            }
        };
        let waiting = purge(&house.one, r#"{"tags": ["all"], "wait": "300ms"}"#);
        let (receipt, ()) = tokio::join!(waiting, load);
        assert!(pending(&receipt), "{receipt}");
        let receipt: Value = serde_json::from_str(&receipt.text()).expect("it is JSON");
        let path = format!("/purges/{}", receipt["id"].as_str().expect("it has one"));
        lease(&house, "other", receipt["stamp"].as_str().expect("it has one")).await;
        within("the other has applied it", async { while pending(&house.two.admin(get(&path)).await) {} }).await;
        house.redis.command::<()>(&["SET", "larder:instance:other", "left", "PX", "60000"]).await;
        house.redis.command::<()>(&["ZREM", "larder:instances", "other"]).await;
        for instance in [&house.one, &house.two] {
            until(instance, "the other has left", |fleet| fleet["versions_mixed"] == false).await;
        }
    }
}
#[tokio::test]
async fn what_another_version_has_written_is_fetched_anew_and_a_purge_of_its_with_more_in_it_holds() {
    let house = House::build().await;
    house.one.origin.on("/p", reply(200).header("Cache-Control", "max-age=600").body("p"));
    house.one.fetch(&shop("/p")).await.status(200);
    super::house::until_written(&house.one, 1.0).await;
    // The record in Redis as another version would have written it: the byte after the four of the name is the version.
    let keys: Vec<String> = house.redis.command(&["KEYS", "larder:entry:*"]).await;
    let [key] = keys.as_slice() else { panic!("one entry, not {keys:?}") };
    let fields: Vec<String> = house.redis.command(&["HKEYS", key]).await;
    for field in &fields {
        let written: Vec<u8> = house.redis.command(&["HGET", key, field]).await;
        assert_eq!(&written[..4], b"LRDR");
        let script = "local v = redis.call('HGET', KEYS[1], ARGV[1]) return redis.call('HSET', KEYS[1], ARGV[1], \
                      string.sub(v, 1, 4) .. string.char(string.byte(v, 5) + 1) .. string.sub(v, 6))";
        house.redis.command::<i64>(&["EVAL", script, "1", key, field]).await;
    }
    house.two.fetch(&shop("/p")).await.status(200).not_a_hit().body("p");
    house.one.origin.saw("/p", 2);
    house.two.fetch(&shop("/p")).await.hit();
    // An entry of the log with a name that this version does not know.
    let purged = ["XADD", "larder:purges", "*", "kind", "purge", "depth", "hard", "source", "admin"];
    let scopes = r#"[{"url":"http://shop.example.com/p"}]"#;
    let more = ["scopes", scopes, "by", "other", "token", "other-1", "reason", "a later version says why"];
    house.redis.command::<String>(&[&purged[..], &more[..]].concat()).await;
    for instance in [&house.one, &house.two] {
        let applied = "larder_purges_total{scope=\"url\",source=\"fleet\"}";
        within("the purge is applied", async { while instance.metric(applied).await < 1.0 {} }).await;
        // An entry that can't be read would purge everything.
        assert!(instance.metric("larder_purges_total{scope=\"all\",source=\"fleet\"}").await < 1.0);
    }
    house.one.fetch(&shop("/p")).await.status(200).not_a_hit();
}
