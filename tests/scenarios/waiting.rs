//! How long a client waits: one deadline for all it waits for, and nothing at all where something stale may stand in.

use crate::support::{Barrier, Scenario, Setup, get, reply};

const STALE: &str = "ttl = \"1m\"\nstale_if_error = \"1h\"";

/// An answer is stored and soft-purged.
async fn stale(keys: &str) -> Scenario {
    let scenario = Setup::route(keys).start().await;
    scenario.origin.on("/p", reply(200).header("ETag", "\"1\"").body("old"));
    scenario.get("/p").await.body("old");
    scenario.purge(r#"{"all": true, "soft": true}"#).await;
    scenario
}

#[tokio::test]
async fn whoever_waits_for_a_hanging_origin_gets_what_may_stand_in_and_nobody_asks_again() {
    let scenario = stale(&format!("{STALE}\ncoalesce_wait = \"50ms\"")).await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).hold(&gate).body("new"));
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(scenario.begin(&get("/p")).await);
    }
    for client in &mut waiting {
        client.response().await.status(200).body("old").detail("coalesce-wait-over");
    }
    // And from then on nobody waits, while the one fetch is under way.
    scenario.get("/p").await.hit().body("old").detail("coalesce-wait-over");
    scenario.origin.saw("/p", 2);
    gate.open();
    scenario.until("what the origin brought at last", &get("/p"), |answer| answer.text() == "new").await.hit();
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn what_was_purged_while_a_request_waited_stands_in_for_nothing_and_the_origin_is_waited_for() {
    let scenario = Setup::route(&format!("{STALE}\ncoalesce_wait = \"2s\"")).start().await;
    for path in ["/p", "/q"] {
        scenario.origin.on(path, reply(200).header("ETag", "\"1\"").body("old"));
        scenario.get(path).await.body("old");
    }
    scenario.purge(r#"{"all": true, "soft": true}"#).await;
    let gates = [Barrier::new(), Barrier::new()];
    for (path, gate) in ["/p", "/q"].into_iter().zip(&gates) {
        scenario.origin.on(path, reply(200).hold(gate).body("new"));
    }
    let mut waiting = scenario.begin(&get("/p")).await;
    gates[0].reached_by(1).await;
    scenario.purge(r#"{"urls": ["/p"]}"#).await;
    // Asked later, and over `coalesce_wait` all the same.
    scenario.get("/q").await.status(200).body("old").detail("coalesce-wait-over");
    gates[0].open();
    waiting.response().await.status(200).body("new");
}

#[tokio::test]
async fn without_stale_if_error_a_slow_origin_is_waited_for() {
    let scenario = stale("ttl = \"1m\"\ncoalesce_wait = \"50ms\"").await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).hold(&gate).body("new"));
    let mut first = scenario.begin(&get("/p")).await;
    let mut second = scenario.begin(&get("/p")).await;
    gate.reached_by(2).await;
    gate.open();
    first.response().await.body("new");
    second.response().await.body("new");
}

#[tokio::test]
async fn after_a_failure_what_is_stale_is_served_at_once_while_one_probe_runs() {
    for failing in [reply(503).body("down"), reply(502).body("down"), reply(200).reset()] {
        let scenario = stale(STALE).await;
        scenario.origin.on("/p", failing);
        scenario.get("/p").await.status(200).body("old");
        let asked = scenario.origin.requests("/p").len();
        let gate = Barrier::new();
        scenario.origin.on("/p", reply(200).hold(&gate).body("new"));
        for _ in 0..5 {
            scenario.get("/p").await.hit().body("old");
        }
        gate.reached_by(1).await;
        gate.open();
        scenario.until("what the probe brought", &get("/p"), |answer| answer.text() == "new").await.hit();
        scenario.origin.saw("/p", asked + 1);
    }
}

#[tokio::test]
async fn one_deadline_holds_for_all_that_a_request_waits_for() {
    let rules = "[[route]]\nname = \"pass\"\npath = \"/pass/**\"\ncache = false\n\n\
                 [[route]]\nname = \"one\"\npath = \"/one/**\"\nttl = \"1m\"\nmiss_limit = 1\ncoalesce_wait = \"1h\"\n\n\
                 [[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1m\"\n";
    let scenario = Setup::rules(rules).upstream("request_timeout = \"300ms\"").start().await;
    let never = Barrier::new();
    for path in ["/p", "/pass/p", "/one/a", "/one/b"] {
        scenario.origin.on(path, reply(200).hold(&never).body("late"));
    }
    let upgrade = Barrier::new();
    scenario.origin.on(
        "/pass/socket",
        reply(101).header("Connection", "upgrade").header("Upgrade", "websocket").hold(&upgrade).echo(),
    );
    let upgraded = get("/pass/socket").header("Connection", "upgrade").header("Upgrade", "websocket");
    let mut upgraded = scenario.begin(&upgraded).await;
    upgrade.reached_by(1).await;
    let mut waiting = Vec::new();
    for path in ["/p", "/p", "/p", "/pass/p", "/one/a", "/one/b"] {
        waiting.push(scenario.begin(&get(path)).await);
    }
    for client in &mut waiting {
        client.response().await.problem(504);
    }
    // Nor is it a turn's own wait that ends, where nothing gives the turn back.
    scenario.origin.on("/one/c", reply(200).header("Cache-Control", "no-store").chunked().body("begun").wait(&never));
    let mut holder = scenario.begin(&get("/one/c")).await;
    holder.body_so_far("begun").await;
    scenario.get("/one/a").await.problem(504);
    // Another protocol is not held to it.
    upgrade.open();
    assert!(upgraded.head().await.first_line.contains("101"));
}
