//! The busiest keys, the popular search terms, and what the cache is worth.

use crate::support::Setup;
use crate::support::request::{head, post};
use crate::support::scenario::Scenario;
use crate::support::{Barrier, get, reply};
use serde_json::Value;

const RULES: &str = "[[route]]\nname = \"search\"\npath = \"/s\"\nttl = \"1m\"\nquery = { allow = [\"q\", \"page\"] }\n\
                     search_term = \"q\"\n\n[[route]]\nname = \"product\"\npath = \"/p/{id}\"\nttl = \"1m\"\n";

async fn shop() -> Scenario {
    let scenario = Setup::rules(RULES).start().await;
    for path in ["/s", "/p/1", "/other"] {
        scenario.origin.on(path, reply(200).body("0123456789"));
    }
    scenario
}

async fn ask(scenario: &Scenario, call: &str) -> Value {
    let said = scenario.admin(get(call)).await;
    said.status(200);
    serde_json::from_str(&said.text()).expect("JSON")
}

/// The rows of a list: what of `name`, how many requests, hits, misses.
fn rows(said: &Value, list: &str, name: &str) -> Vec<(String, u64, u64, u64)> {
    let number = |row: &Value, measure: &str| {
        let number = &row[measure];
        assert_eq!(number["error"], 0.0, "so few are known exactly: {row}");
        format!("{}", number["estimate"].as_f64().expect("a number")).parse().expect("a whole one")
    };
    let row = |row: &Value| {
        let name = row[name].as_str().expect("it has one").to_owned();
        (name, number(row, "requests"), number(row, "hits"), number(row, "misses"))
    };
    said[list].as_array().expect("a list").iter().map(row).collect()
}

fn row(name: &str, requests: u64, hits: u64, misses: u64) -> (String, u64, u64, u64) {
    (name.to_owned(), requests, hits, misses)
}

/// Waits until so many decisions were made.
async fn decided(scenario: &Scenario, decisions: u64) -> Value {
    crate::support::deadline::within("the decisions", async {
        loop {
            let said = ask(scenario, "/top").await;
            if said["decisions"] == decisions {
                return said;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn keys_are_counted_as_the_rules_make_them() {
    let scenario = shop().await;
    // Parameters that the key leaves out, other orders and HEAD are the same key.
    for target in ["/s?q=a&utm=1", "/s?q=a", "/s?utm=2&q=a", "/p/1", "/p/1", "/other?x=1"] {
        scenario.get(target).await.status(200);
    }
    scenario.fetch(&head("/p/1")).await.status(200);
    let said = decided(&scenario, 7).await;
    let mut keys = rows(&said, "keys", "target");
    keys.sort();
    assert_eq!(keys, [row("/other?x=1", 1, 0, 0), row("/p/1", 3, 2, 1), row("/s?q=a", 3, 2, 1)]);
    assert_eq!((&said["window"], &said["by"], &said["looked_at"]), (&"10m".into(), &"requests".into(), &1.0.into()));
    let misses = ask(&scenario, "/top?by=misses&window=1m&route=product").await;
    assert_eq!(rows(&misses, "keys", "target"), [row("/p/1", 3, 2, 1)]);
    let unrouted = ask(&scenario, "/top?by=bytes&window=1h&route=-").await;
    assert_eq!(rows(&unrouted, "keys", "target"), [row("/other?x=1", 1, 0, 0)]);
    assert_eq!(unrouted["keys"][0]["bytes"]["estimate"], 10.0);
    assert_eq!(unrouted["keys"][0]["route"], Value::Null);
    let most = ask(&scenario, "/top?by=upstream_ms&limit=1").await;
    assert_eq!(most["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn terms_are_counted_whatever_their_case_and_spaces() {
    let scenario = shop().await;
    for query in ["q=Red+Shoes", "q=red%20shoes&page=2", "q=+red++shoes+", "q=hat", "q=", "page=1"] {
        scenario.get(&format!("/s?{query}")).await.status(200);
    }
    scenario.get(&format!("/s?q={}", "x".repeat(101))).await.status(200);
    scenario.get("/p/1?q=not+searched").await.status(200);
    decided(&scenario, 8).await;
    let said = ask(&scenario, "/searches").await;
    assert_eq!(rows(&said, "terms", "term"), [row("red shoes", 3, 0, 3), row("hat", 1, 0, 1)]);
    assert_eq!((&said["too_long"], &said["terms"][0]["route"]), (&1.into(), &"search".into()));
}

#[tokio::test]
async fn a_cache_is_worth_the_time_that_the_origin_would_have_taken() {
    let scenario = shop().await;
    let gate = Barrier::new();
    scenario.origin.on("/p/1", reply(200).hold(&gate).body("slow"));
    let mut first = scenario.begin(&get("/p/1")).await;
    gate.reached_by(1).await;
    gate.open();
    first.response().await.status(200);
    for _ in 0..9 {
        scenario.get("/p/1").await.hit();
    }
    for _ in 0..4 {
        scenario.get("/other").await.forwarded("bypass");
    }
    scenario.fetch(&post("/other", "x")).await.status(200);
    let said = decided(&scenario, 15).await;
    let of_route = |name: Value| {
        let routes = said["routes"].as_array().expect("a list");
        routes.iter().find(|route| route["route"] == name).expect("it was asked for").clone()
    };
    let (product, unrouted) = (of_route("product".into()), of_route(Value::Null));
    let took = product["upstream_ms"].as_f64().expect("a number");
    let saved = product["origin_seconds_saved"].as_f64().expect("a number");
    assert!((saved - 9.0 * took / 1e3).abs() < 1e-4, "nine times {took} ms are {saved} s");
    assert!((scenario.metric("larder_origin_seconds_saved_total{route=\"product\"}").await - saved).abs() < 1e-9);
    let stats = ask(&scenario, "/stats").await;
    assert_eq!(stats["routes"]["product"]["origin_seconds_saved"], product["origin_seconds_saved"]);
    assert_eq!(stats["routes"]["product"]["reasons"]["hit"]["fresh"], 9);
    assert_eq!(product["if_cached"], Value::Null);
    // Of four GETs three repeat the first; the POST is none.
    let worth = &unrouted["if_cached"];
    assert_eq!((&worth["gets"], &worth["repeats"]["estimate"]), (&4.into(), &3.0.into()), "{worth}");
    let repeated = worth["origin_seconds"]["estimate"].as_f64().expect("a number");
    let all = unrouted["upstream_ms"].as_f64().expect("a number") / 1e3;
    assert!(repeated > 0.0 && repeated < all, "{repeated} of {all}");
}

#[tokio::test]
async fn a_call_that_is_wrong_names_its_field() {
    let scenario = shop().await;
    for (call, field) in [
        ("/top?by=fame", "by"),
        ("/top?window=2m", "window"),
        ("/top?limit=0", "limit"),
        ("/searches?limit=101", "limit"),
        ("/searches?limit=some", "limit"),
        ("/searches?term=a", "term"),
    ] {
        let said = scenario.admin(get(call)).await;
        said.problem(400);
        assert!(said.text().contains(&format!("\"field\":\"{field}\"")), "{}", said.text());
    }
}
