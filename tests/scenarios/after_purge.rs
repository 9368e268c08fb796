//! A purge does not fall upon the origin all at once: a limit on fetches, and a paced refresh of what is hot.

use crate::support::{Barrier, Scenario, Setup, deadline, get, head, post, reply};

const LIMITED: &str = "ttl = \"1m\"\nmiss_limit = 1\ncoalesce_wait = \"1h\"\ntags = [\"all\"]";

/// Begins a fetch that fills the budget of one until `gate` opens.
async fn fill_the_budget(scenario: &Scenario, gate: &Barrier) -> crate::support::client::Client {
    scenario.origin.on("/slow", reply(200).hold(gate).body("slow"));
    let client = scenario.begin(&get("/slow")).await;
    gate.reached_by(1).await;
    client
}

#[tokio::test]
async fn over_the_miss_limit_a_request_waits_for_its_turn() {
    let scenario = Setup::route(LIMITED).start().await;
    let gate = Barrier::new();
    let mut first = fill_the_budget(&scenario, &gate).await;
    scenario.origin.on("/p", reply(200).body("in turn"));
    let mut second = scenario.begin(&get("/p")).await;
    gate.open();
    first.response().await.status(200).body("slow");
    second.response().await.status(200).body("in turn");
}

#[tokio::test]
async fn over_the_miss_limit_and_the_wait_a_request_is_told_to_come_back() {
    let scenario = Setup::route("ttl = \"1m\"\nmiss_limit = 1\ncoalesce_wait = \"20ms\"").start().await;
    let gate = Barrier::new();
    let _first = fill_the_budget(&scenario, &gate).await;
    let refused = scenario.get("/p").await;
    refused.problem(503).header("Retry-After", "1");
    assert!(refused.text().contains("\"reason\":\"miss-limit\""), "{refused}");
    scenario.origin.saw("/p", 0);
}

#[tokio::test]
async fn over_the_miss_limit_something_stale_is_served_at_once() {
    let scenario = Setup::route(LIMITED).start().await;
    scenario.origin.on("/p", reply(200).body("old"));
    scenario.get("/p").await.status(200);
    scenario.admin(post("/purge", r#"{"tags": ["all"], "soft": true}"#)).await.status(200);
    let gate = Barrier::new();
    let _first = fill_the_budget(&scenario, &gate).await;
    scenario.get("/p").await.status(200).body("old").forwarded("stale").detail("miss-limit");
    scenario.fetch(&head("/p")).await.status(200).forwarded("stale").detail("miss-limit");
    scenario.fetch(&get("/p").header("Range", "bytes=1-")).await.status(206).body("ld").detail("miss-limit");
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn what_is_not_stored_counts_until_its_body_has_ended_or_was_given_up() {
    let limited = "ttl = \"1m\"\nmiss_limit = 1\ncoalesce_wait = \"20ms\"\nmax_body = \"1KiB\"";
    let begins = "x".repeat(2000);
    for (what, store) in [("too large", "max-age=60"), ("uncacheable", "no-store")] {
        for end in ["the body ends", "the client leaves"] {
            let scenario = Setup::route(limited).start().await;
            let gate = Barrier::new();
            let slow = reply(200).header("Cache-Control", store).chunked().body(&begins).wait(&gate).body("the end");
            scenario.origin.on("/slow", slow);
            let mut first = scenario.begin(&get("/slow")).await;
            first.body_so_far(&begins).await;
            scenario.origin.on("/p", reply(200).body("in turn"));
            scenario.get("/p").await.problem(503);
            scenario.origin.saw("/p", 0);
            if end == "the client leaves" && store == "no-store" {
                first.reset();
            } else {
                gate.open();
                first.response().await.status(200);
            }
            let what = format!("the turn after what is {what}, once {end}");
            scenario.until(&what, &get("/p"), |answer| answer.status == 200).await.body("in turn");
        }
    }
}

#[tokio::test]
async fn a_fetch_of_another_route_does_not_count() {
    let routes = "path = \"/slow\"\nttl = \"1m\"\nmiss_limit = 1\n[[route]]\npath = \"/**\"\nttl = \"1m\"";
    let scenario = Setup::rules(&format!("[[route]]\n{routes}")).start().await;
    let gate = Barrier::new();
    let _first = fill_the_budget(&scenario, &gate).await;
    scenario.origin.on("/p", reply(200).body("free"));
    scenario.get("/p").await.status(200).body("free");
}

const HOT: [&str; 4] = ["/a", "/b", "/c", "/d"];

/// Four keys, asked for more often the later they stand; all are fetched once.
async fn hot(refresh: &str) -> Scenario {
    let section = format!("[refresh]\n{refresh}");
    let scenario = Setup::route("ttl = \"1m\"\ntags = [\"all\"]").section(&section).start().await;
    for (nth, path) in HOT.iter().enumerate() {
        scenario.origin.on(path, reply(200).body("one"));
        for _ in 0..4 + nth {
            scenario.get(path).await.status(200);
        }
        scenario.origin.saw(path, 1);
    }
    scenario
}

#[tokio::test]
async fn what_a_purge_took_of_the_hot_keys_is_fetched_again_hottest_first() {
    for (purge, what) in [(r#"{"tags": ["all"]}"#, "hard"), (r#"{"tags": ["all"], "soft": true}"#, "soft")] {
        let scenario = hot("after_purge = 3\nconcurrent = 1").await;
        let before = scenario.origin.all_requests().len();
        scenario.admin(post("/purge", purge)).await.status(200);
        scenario.origin.requested("/a", 2).await;
        let order: Vec<_> = scenario.origin.all_requests()[before..].iter().map(|seen| seen.target.clone()).collect();
        assert_eq!(order, ["/d", "/c", "/b", "/a"], "{what}");
        deadline::within("a hit after the refresh", async {
            while !scenario.get("/a").await.is_hit() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        for path in HOT {
            scenario.get(path).await.hit();
            scenario.origin.saw(path, 2);
        }
    }
}

#[tokio::test]
async fn a_purge_of_few_hot_keys_leaves_them_to_their_clients() {
    let scenario = hot("after_purge = 4").await;
    scenario.admin(post("/purge", r#"{"tags": ["all"]}"#)).await.status(200);
    for path in HOT.into_iter().chain(["/e"]) {
        scenario.origin.on(path, reply(200).body("two"));
        for _ in 0..4 {
            scenario.get(path).await.status(200).body("two");
        }
    }
    // The fifth makes it enough; whatever the first purge had set off would have come before.
    scenario.admin(post("/purge", r#"{"tags": ["all"]}"#)).await.status(200);
    scenario.origin.until("five refreshes", |seen| seen.len() >= 4 + 5 + 5).await;
    assert_eq!(scenario.origin.all_requests().len(), 4 + 5 + 5);
}
