//! Several instances and one CDN: one of them purges it, after all have applied, and none of it is lost with an instance or
//! with Redis.

use super::edge::{Edge, purge, purge_through, receipt, until_state};
use crate::support::deadline::within;
use crate::support::redis_server::RedisServer;
use crate::support::relay::Relay;
use crate::support::reply::reply;
use crate::support::{Scenario, Setup};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A key of `[redis]`: a deadline so long that a busy machine is not taken for a Redis that fails.
const UNHURRIED: &str = "timeout = \"2s\"";

/// Another: an instance that dies is waited for no longer than its lease lasts, which is twice this.
const GONE_SOON: &str = "partition_grace = \"1s\"";

async fn instance(name: &str, redis: &str, edge: &Edge) -> Scenario {
    instance_with(name, redis, edge, "").await
}

/// As [`instance`], with a further key of `[redis]`.
async fn instance_with(name: &str, redis: &str, edge: &Edge, key: &str) -> Scenario {
    let section = format!("[redis]\nurl = \"{redis}\"\ninstance = \"{name}\"\n{UNHURRIED}\n{key}\n");
    Setup::route("tags = [\"all\"]").section(&section).section(&edge.block("")).start().await
}

/// Waits until these instances are in the fleet: a purge reaches all of them.
async fn until_current(instances: &[&Scenario], names: &Value) {
    for instance in instances {
        within("all instances in the fleet", async {
            loop {
                let answer = purge(instance, r#"{"tags": ["nothing"], "wait": "1s"}"#).await;
                if receipt(&answer)["applied"] == *names {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn id_of(answer: &crate::support::expect::Response) -> String {
    receipt(answer)["id"].as_str().expect("a receipt has an id").to_owned()
}

#[tokio::test]
async fn every_purge_reaches_the_cdn_and_every_instance_knows_what_came_of_it() {
    let (edge, redis) = (Edge::start().await, RedisServer::start().await);
    let (one, two) = (instance("one", &redis.url(), &edge).await, instance("two", &redis.url(), &edge).await);
    edge.until_emptied(1).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let asked = if n % 2 == 0 { &one } else { &two };
        ids.push(id_of(&purge(asked, &format!("{{\"tags\": [\"t{n}\"]}}")).await));
    }
    for (id, instance) in ids.iter().flat_map(|id| [(id, &one), (id, &two)]) {
        let said = until_state(instance, id, |said| said["state"] == json!("done")).await;
        assert!(said["at"].is_string() && !said["ids"].as_array().is_none_or(Vec::is_empty), "{said}");
    }
    let expected: BTreeSet<String> = (0..20).map(|n| format!("t{n}")).collect();
    assert_eq!(edge.tags().into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn the_cdn_is_purged_only_after_every_live_instance_has_applied() {
    let (edge, redis) = (Edge::start().await, RedisServer::start().await);
    let relay = Relay::to(([127, 0, 0, 1], redis.port()).into()).await;
    let one = instance("one", &redis.url(), &edge).await;
    // The one that is not cut off purges.
    edge.until_emptied(1).await;
    let two = instance("two", &format!("redis://{}", relay.address), &edge).await;
    until_current(&[&one, &two], &json!(["one", "two"])).await;
    purge_through(&one, r#""tags": ["before"]"#).await;
    relay.cut();
    let id = id_of(&purge(&one, r#"{"tags": ["after"]}"#).await);
    // For as long as that one waits, the CDN could have been told.
    let answer = purge(&one, r#"{"tags": ["last"], "wait": "2s"}"#).await;
    assert_eq!(receipt(answer.status(202))["pending"], json!(["two"]));
    assert!(!edge.tags().contains(&"after".to_owned()), "{:?}", edge.tags());
    relay.mend();
    until_state(&one, &id, |said| said["state"] == json!("done")).await;
    assert!(edge.tags().contains(&"after".to_owned()), "{:?}", edge.tags());
}

#[tokio::test]
async fn what_an_instance_leaves_undone_another_does_and_nobody_starts_anew() {
    let (edge, redis) = (Edge::start().await, RedisServer::start().await);
    let one = instance_with("one", &redis.url(), &edge, GONE_SOON).await;
    edge.until_emptied(1).await;
    let two = instance_with("two", &redis.url(), &edge, GONE_SOON).await;
    until_current(&[&one, &two], &json!(["one", "two"])).await;
    purge_through(&two, r#""tags": ["before"]"#).await;
    edge.api.on("/tags", reply(500));
    let id = id_of(&purge(&two, r#"{"tags": ["left"]}"#).await);
    let said = until_state(&two, &id, |said| said["state"] == json!("failed")).await;
    assert_eq!(said["error"], json!("status 500"), "the other instance knows");
    let emptied = edge.api.requests("/all").len();
    drop(one);
    edge.api.on("/tags", reply(200));
    until_state(&two, &id, |said| said["state"] == json!("done")).await;
    assert!(edge.tags().contains(&"left".to_owned()));
    drop(two);
    let three = instance_with("three", &redis.url(), &edge, GONE_SOON).await;
    purge_through(&three, r#""tags": ["new"]"#).await;
    assert_eq!(edge.api.requests("/all").len(), emptied, "the place in the log is remembered");
}

#[tokio::test]
async fn when_redis_has_lost_the_log_the_cdn_is_purged_of_everything() {
    let (edge, mut redis) = (Edge::start().await, RedisServer::start().await);
    let one = instance("one", &redis.url(), &edge).await;
    edge.until_emptied(1).await;
    purge_through(&one, r#""tags": ["a"]"#).await;
    let emptied = edge.api.requests("/all").len();
    redis.kill();
    redis.restart_empty().await;
    edge.until_emptied(emptied + 1).await;
}

#[tokio::test]
async fn when_the_log_was_trimmed_unread_the_cdn_is_purged_of_everything() {
    let (edge, redis) = (Edge::start().await, RedisServer::start().await);
    let one = instance("one", &redis.url(), &edge).await;
    edge.until_emptied(1).await;
    purge_through(&one, r#""tags": ["a"]"#).await;
    // Trimmed behind what was made at the CDN, nothing is lost.
    redis.command::<u64>(&["XTRIM", "larder:purges", "MAXLEN", "0"]).await;
    purge_through(&one, r#""tags": ["b"]"#).await;
    let emptied = edge.api.requests("/all").len();
    edge.api.on("/tags", reply(500));
    let id = id_of(&purge(&one, r#"{"tags": ["c"]}"#).await);
    until_state(&one, &id, |said| said["state"] == json!("failed")).await;
    drop(one);
    redis.command::<u64>(&["XTRIM", "larder:purges", "MAXLEN", "0"]).await;
    let _two = instance("two", &redis.url(), &edge).await;
    edge.until_emptied(emptied + 1).await;
}
