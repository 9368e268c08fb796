//! Events become purges: by the admin API, and by a real PostgreSQL.

use crate::support::postgres_server::PostgresServer;
use crate::support::{Scenario, Setup, deadline, post, reply};

const RULES: &str = r#"
[[route]]
path = "/p/{id}"
ttl = "1h"
tags = ["product:{id}", "search"]

[[event]]
on = "product.updated"
purge = { tags = ["product:{id}"] }

[[event]]
on = "search.rebuilt"
purge = { tags = ["search"] }
soft = true

[[event]]
on = "price.changed"
purge = { urls = ["/p/{id}"], prefixes = ["/none/"], routes = ["p-id"] }
"#;

async fn stocked(setup: Setup) -> Scenario {
    let scenario = setup.start().await;
    for path in ["/p/1", "/p/2"] {
        scenario.origin.on(path, reply(200).body("one"));
        scenario.get(path).await.status(200);
        scenario.get(path).await.hit();
    }
    scenario
}

#[tokio::test]
async fn an_event_purges_what_the_rules_say_of_its_type() {
    let scenario = stocked(Setup::rules(RULES)).await;
    let answer = scenario.admin(post("/events", r#"{"type": "product.updated", "id": 1}"#)).await;
    answer.status(200);
    assert!(answer.text().contains(r#""result":"purged""#) && answer.text().contains("product:1"), "{answer}");
    scenario.get("/p/1").await.forwarded("uri-miss").detail("purged");
    scenario.get("/p/2").await.hit();
    scenario.admin(post("/events", r#"{"type": "search.rebuilt"}"#)).await.status(200);
    scenario.get("/p/2").await.detail("soft-purged");
    scenario.admin(post("/events", r#"{"type": "price.changed", "id": 2}"#)).await.status(200);
    scenario.get("/p/2").await.detail("purged");
}

#[tokio::test]
async fn an_event_that_purges_nothing_says_why_and_is_counted() {
    let scenario = stocked(Setup::rules(RULES)).await;
    for (event, status, result, kind) in [
        (r#"{"type": "order.placed"}"#, 200, "no-rule", "other"),
        (r#"{"type": "product.updated"}"#, 200, "fields-missing", "product.updated"),
        (r#"{"kind": "product.updated"}"#, 400, "malformed", "other"),
        ("[]", 400, "malformed", "other"),
    ] {
        let answer = scenario.admin(post("/events", event)).await;
        answer.status(status);
        let metric = format!(r#"larder_events_total{{source="admin",type="{kind}",result="{result}"}}"#);
        assert!(scenario.metric(&metric).await >= 1.0, "{event}: {metric}");
    }
    scenario.get("/p/1").await.hit();
}

/// Waits until `path` is no longer answered from the cache.
async fn until_purged(scenario: &Scenario, path: &str) {
    deadline::within("a purge by an event", async {
        while scenario.get(path).await.is_hit() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn until_counted(scenario: &Scenario, result: &str, kind: &str) {
    let metric = format!(r#"larder_events_total{{source="postgres",type="{kind}",result="{result}"}}"#);
    deadline::within(&metric, async {
        while scenario.metric(&metric).await < 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_postgresql_notifies_is_purged_and_a_gap_purges_all_that_events_could_name() {
    let mut postgres = PostgresServer::start().await;
    let section = format!("[events.postgres]\nurl = \"{}\"", postgres.url());
    let scenario = stocked(Setup::rules(RULES).section(&section)).await;
    deadline::within("Larder listening", async {
        while scenario.get("/p/1").await.is_hit() {
            postgres.notify(r#"{"type": "product.updated", "id": 1}"#).await;
        }
    })
    .await;
    scenario.get("/p/2").await.hit();
    // What is no event holds up nothing. Events come in order, so with the last of these all have come.
    for payload in ["", "not json", r#"{"type": "unknown"}"#, r#"{"type": "product.updated", "id": 2}"#] {
        postgres.notify(payload).await;
    }
    until_purged(&scenario, "/p/2").await;
    until_counted(&scenario, "malformed", "other").await;
    // While nobody listens, a notification is lost: what it could have named is purged with the next connection.
    scenario.get("/p/1").await;
    scenario.get("/p/1").await.hit();
    postgres.kill();
    postgres.restart().await;
    until_counted(&scenario, "gap", "other").await;
    scenario.get("/p/1").await.detail("purged");
    deadline::within("Larder listening again", async {
        while scenario.get("/p/1").await.is_hit() {
            postgres.notify(r#"{"type": "product.updated", "id": 1}"#).await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_postgresql_requests_go_on() {
    let port = crate::support::redis_server::free_port();
    let section = format!("[events.postgres]\nurl = \"postgres://postgres@127.0.0.1:{port}/postgres\"");
    stocked(Setup::rules(RULES).section(&section)).await;
}
