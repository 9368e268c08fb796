//! Serving stale: RFC 9111 section 4.2.4, RFC 5861.

use crate::support::reply::Reply;
use crate::support::{Barrier, Setup, get, reply};

/// Stale for two seconds when it arrives.
fn stale(directives: &str) -> Reply {
    reply(200).header("Cache-Control", &format!("max-age=8, {directives}")).header("Age", "10")
}

#[tokio::test]
async fn stale_while_revalidate_serves_at_once_and_refreshes_behind() {
    let scenario = Setup::route("").start().await;
    let gate = Barrier::new();
    let new = reply(200).header("Cache-Control", "max-age=60").hold(&gate).body("new");
    scenario.origin.on_each("/p", [stale("stale-while-revalidate=60").body("old"), new]);
    scenario.get("/p").await.body("old");
    for _ in 0..3 {
        scenario.get("/p").await.hit().body("old").says("detail=stale-while-revalidate");
    }
    scenario.origin.requested("/p", 2).await;
    gate.open();
    let refreshed = scenario.until("the refreshed response", &get("/p"), |response| response.text() == "new").await;
    refreshed.hit();
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn the_routes_stale_windows_count_where_the_origin_names_none() {
    let scenario = Setup::route("stale_while_revalidate = \"1m\"").start().await;
    scenario.origin.on("/p", stale("public").body("old"));
    scenario.get("/p").await.body("old");
    scenario.get("/p").await.hit().says("detail=stale-while-revalidate");
}

#[tokio::test]
async fn stale_if_error_serves_stale_for_the_statuses_of_the_rfc_only() {
    for (status, served) in [(500, "old"), (502, "old"), (503, "old"), (504, "old"), (404, "error"), (400, "error")] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on_each("/p", [stale("stale-if-error=60").body("old"), reply(status).body("error")]);
        scenario.get("/p").await.body("old");
        let response = scenario.get("/p").await;
        assert_eq!(response.text(), served, "{status}\n{response}");
    }
}

#[tokio::test]
async fn an_error_without_stale_if_error_reaches_the_client() {
    let scenario = Setup::route("").start().await;
    scenario.origin.on_each("/p", [stale("public").body("old"), reply(503).body("down")]);
    scenario.get("/p").await;
    scenario.get("/p").await.status(503).body("down");
}

#[tokio::test]
async fn an_unreachable_origin_is_covered_by_what_is_stale_unless_the_response_forbids_it() {
    for (directives, served) in [
        ("public", 200),
        ("stale-if-error=60", 200),
        ("must-revalidate", 502),
        ("proxy-revalidate", 502),
        ("no-cache", 502),
        ("s-maxage=8", 502),
    ] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on("/p", stale(directives).body("old"));
        scenario.get("/p").await.body("old");
        scenario.origin.on("/p", reply(200).reset());
        let response = scenario.get("/p").await;
        assert_eq!(response.status, served, "{directives}\n{response}");
        if served == 200 {
            response.body("old");
        }
    }
}

#[tokio::test]
async fn max_stale_accepts_staleness_up_to_its_limit() {
    for (max_stale, hit) in [("max-stale", true), ("max-stale=60", true), ("max-stale=1", false)] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on("/p", stale("public").body("old"));
        scenario.get("/p").await;
        let response = scenario.fetch(&get("/p").header("Cache-Control", max_stale)).await;
        assert_eq!(response.is_hit(), hit, "{max_stale}\n{response}");
    }
}

#[tokio::test]
async fn a_hit_late_in_its_lifetime_refreshes_ahead() {
    let scenario = Setup::route("refresh_ahead = \"50%\"").start().await;
    let late = reply(200).header("Cache-Control", "max-age=100").header("Age", "80").body("old");
    let new = reply(200).header("Cache-Control", "max-age=100").body("new");
    scenario.origin.on_each("/p", [late, new]);
    scenario.get("/p").await.body("old");
    scenario.get("/p").await.hit().body("old");
    scenario.origin.requested("/p", 2).await;
    scenario.until("the refreshed response", &get("/p"), |response| response.text() == "new").await.hit();
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn a_hit_carries_its_age_and_what_is_left() {
    let scenario = Setup::route("").start().await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=100").header("Age", "40").body("p"));
    scenario.get("/p").await;
    let hit = scenario.get("/p").await;
    let age: u64 = hit.hit().value("Age").and_then(|age| age.parse().ok()).expect("a hit has an Age");
    assert!((40..50).contains(&age), "{hit}");
    // Both are whole seconds, rounded down: together they make the lifetime or one second less.
    let says_ttl = |ttl: u64| hit.cache_status().contains(&format!("ttl={ttl}"));
    assert!(says_ttl(100 - age) || says_ttl(99 - age), "{hit}");
}
