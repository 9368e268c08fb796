//! Events become purges: by the admin API, and by a real PostgreSQL.

use crate::support::origin::Origin;
use crate::support::postgres_server::PostgresServer;
use crate::support::{Scenario, Setup, deadline, get, post, reply};

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

#[tokio::test]
async fn a_list_of_any_length_is_purged_whole_under_one_receipt() {
    for count in [1_500_usize, 25_000] {
        let scenario = Setup::rules(RULES).start().await;
        let paths = [1, count / 2, count].map(|id| format!("/p/{id}"));
        for path in &paths {
            scenario.origin.on(path, reply(200).body("one"));
            scenario.get(path).await.status(200);
            scenario.get(path).await.hit();
        }
        let ids: Vec<usize> = (1..=count).collect();
        let event = format!(r#"{{"type": "product.updated", "id": {ids:?}}}"#);
        let answer: serde_json::Value =
            serde_json::from_str(&scenario.admin(post("/events", &event)).await.status(200).text()).unwrap();
        assert_eq!(answer["result"], "purged");
        let [receipt] = answer["purges"].as_array().unwrap().as_slice() else { panic!("one receipt: {answer}") };
        assert_eq!(receipt["scopes_total"], count);
        assert_eq!(receipt["scopes"][0]["name"], "product:1");
        for path in &paths {
            scenario.get(path).await.forwarded("uri-miss").detail("purged");
        }
        let found =
            scenario.admin(get(&format!("/purges/{}", receipt["id"].as_str().unwrap()))).await.status(200).text();
        assert!(found.contains(&format!("\"scopes_total\":{count}")), "{found}");
        let listed = scenario.admin(get("/purges")).await.text();
        assert_eq!(listed.matches("\"id\"").count(), 1, "{listed}");
    }
}

#[tokio::test]
async fn an_event_that_can_not_be_taken_whole_is_refused_whole() {
    let block = "[[event]]\non = \"pairs\"\npurge = { tags = [\"search\", \"{a}-{b}\"] }";
    let scenario = stocked(Setup::rules(&format!("{RULES}\n{block}"))).await;
    let ids: Vec<usize> = (0..400).collect();
    let pairs = format!(r#"{{"type": "pairs", "a": {ids:?}, "b": {ids:?}}}"#);
    let fields = (0..100).map(|n| format!(", \"f{n}\": 1")).collect::<Vec<_>>().concat();
    let wide = format!(r#"{{"type": "search.rebuilt"{fields}}}"#);
    let long = format!(r#"{{"type": "search.rebuilt", "why": "{}"}}"#, "x".repeat(2 << 20));
    for event in [pairs, wide, long] {
        scenario.admin(post("/events", &event)).await.problem(413);
        scenario.get("/p/1").await.hit();
    }
}

#[tokio::test]
async fn an_event_that_purges_only_a_part_says_what_it_lacks() {
    let block = "[[event]]\non = \"changed\"\npurge = { tags = [\"product:{id}\", \"list\"] }";
    let rules = format!("{RULES}\n{block}");
    for (fields, result, missing) in [
        (r#""product_id": 1"#, "partly", Some(r#""missing":["id"]"#)),
        (r#""id": null"#, "partly", Some(r#""missing":["id"]"#)),
        (r#""id": """#, "partly", Some(r#""missing":["id"]"#)),
        (r#""id": {"value": 1}"#, "partly", Some(r#""missing":["id"]"#)),
        (r#""id": [2, {"value": 1}]"#, "partly", Some(r#""missing":["id"]"#)),
        (r#""id": 2"#, "purged", None),
        (r#""id": "red shoes""#, "purged", None),
    ] {
        let scenario = stocked(Setup::rules(&rules)).await;
        let event = format!(r#"{{"type": "changed", {fields}}}"#);
        let answer = scenario.admin(post("/events", &event)).await.status(200).text();
        assert!(answer.contains(&format!(r#""result":"{result}""#)), "{event}: {answer}");
        assert!(missing.map_or(!answer.contains("missing"), |missing| answer.contains(missing)), "{event}: {answer}");
        let metric = format!(r#"larder_events_total{{source="admin",type="changed",result="{result}"}}"#);
        assert!((scenario.metric(&metric).await - 1.0).abs() < f64::EPSILON, "{event}: {metric}");
        scenario.get("/p/1").await.hit();
    }
    let scenario = stocked(Setup::rules(RULES)).await;
    let answer = scenario.admin(post("/events", r#"{"type": "product.updated", "product": 1}"#)).await.text();
    assert_eq!(answer, r#"{"result":"fields-missing","purges":[],"missing":["id"]}"#);
}

#[tokio::test]
async fn an_event_that_purges_only_a_part_is_warned_of_in_the_log_once() {
    let block = "[[event]]\non = \"changed\"\npurge = { tags = [\"product:{id}\", \"list\"] }";
    let origin = Origin::start().await;
    let larder = Setup::rules(&format!("{RULES}\n{block}")).before(origin.address).serve().await;
    let tell = |event: &str| post("/events", event);
    for event in [r#"{"type": "changed", "product_id": 1}"#, r#"{"type": "changed", "id": null}"#] {
        larder.admin(tell(event)).await.status(200);
    }
    larder.admin(tell(r#"{"type": "changed", "id": 1}"#)).await.status(200);
    let log = larder.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("not all that its type's blocks name")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("WARN") && told[0].contains("partly") && told[0].contains("missing=\"id\""), "{log}");
}

/// The texts of two answers to the same call, made twice under one key; then the status of another body under it.
async fn repeated(path: &str, body: &str, other: &str) -> (String, String) {
    let scenario = stocked(Setup::rules(RULES)).await;
    let ask = |body: &str| post(path, body).header("Idempotency-Key", "price-7");
    let (first, again) = tokio::join!(scenario.admin(ask(body)), scenario.admin(ask(body)));
    scenario.get("/p/1").await.forwarded("uri-miss");
    scenario.admin(ask(other)).await.problem(422);
    scenario.get("/p/2").await.hit();
    (first.status(200).text(), again.status(200).text())
}

#[tokio::test]
async fn a_call_under_one_key_is_one_call_and_another_body_is_refused() {
    for (path, body, other) in [
        ("/purge", r#"{"tags": ["product:1"]}"#, r#"{"tags": ["product:2"]}"#),
        ("/events", r#"{"type": "product.updated", "id": 1}"#, r#"{"type": "product.updated", "id": 2}"#),
    ] {
        let (first, again) = repeated(path, body, other).await;
        assert_eq!(first, again, "{path}");
    }
}

#[tokio::test]
async fn callers_who_choose_the_same_key_get_each_their_own_answer() {
    let files = tempfile::tempdir().expect("a temporary folder");
    let token = |name: &str| {
        let file = files.path().join(name);
        std::fs::write(&file, name).expect("a fresh folder takes a file");
        format!("{{ name = \"{name}\", file = \"{}\", may = [\"purge\", \"events\"] }}", file.display())
    };
    let admin = format!("tokens = [{}, {}]", token("deploy"), token("stock"));
    for (path, [first, second]) in [
        ("/purge", [r#"{"tags": ["product:1"]}"#, r#"{"tags": ["product:2"]}"#]),
        ("/events", [r#"{"type": "product.updated", "id": 1}"#, r#"{"type": "product.updated", "id": 2}"#]),
    ] {
        let scenario = stocked(Setup::rules(RULES).section(&admin)).await;
        let ask = |caller: &str, body: &str| {
            let call = post(path, body).header("Idempotency-Key", "price-7");
            scenario.admin(call.header("Authorization", &format!("Bearer {caller}")))
        };
        let of_deploy = ask("deploy", first).await.status(200).text();
        scenario.get("/p/1").await.forwarded("uri-miss");
        scenario.get("/p/2").await.hit();
        let of_stock = ask("stock", second).await.status(200).text();
        scenario.get("/p/2").await.forwarded("uri-miss");
        assert_ne!(of_deploy, of_stock, "{path}");
        assert_ne!(ask("deploy", first).await.status(200).text(), ask("stock", second).await.status(200).text());
        ask("deploy", second).await.problem(422);
        // The same call of another caller is a call of its own.
        assert_ne!(ask("stock", second).await.status(200).text(), of_deploy);
    }
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
