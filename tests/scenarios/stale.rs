//! Serving stale: RFC 9111 section 4.2.4, RFC 5861.

use crate::support::reply::Reply;
use crate::support::{Barrier, Setup, get, head, reply};

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

/// Every way in which an origin says that an answer is not to be used without asking it.
const NEVER_FRESH: [(&str, &str); 9] = [
    ("Cache-Control", "max-age=0"),
    ("Cache-Control", "s-maxage=0"),
    ("Cache-Control", "no-cache"),
    ("Cache-Control", "max-age=60, no-cache"),
    ("Expires", "0"),
    ("Expires", "Thu, 19 Nov 1981 08:52:00 GMT"),
    ("Pragma", "no-cache"),
    ("CDN-Cache-Control", "max-age=0"),
    ("X-Says", "nothing"),
];

#[tokio::test]
async fn a_rules_stale_windows_hold_only_for_what_had_a_lifetime() {
    let keys = "stale_while_revalidate = \"1m\"\nstale_if_error = \"1h\"";
    for (name, value) in NEVER_FRESH {
        let with_ttl = format!("ttl = \"1m\"\n{keys}");
        // What says nothing at all has the rule's `ttl`, where there is one.
        for keys in if name == "X-Says" { vec![keys] } else { vec![keys, &with_ttl] } {
            let scenario = Setup::route(keys).start().await;
            let alice = reply(200).header(name, value).header("ETag", "\"a\"").body("Alice's page");
            scenario.origin.on_each("/p", [alice, reply(200).header(name, value).body("Bob's page")]);
            scenario.get("/p").await.body("Alice's page");
            scenario.get("/p").await.body("Bob's page").not_a_hit();
            scenario.origin.on("/p", reply(503).body("down"));
            scenario.get("/p").await.status(503).body("down");
            scenario.origin.on("/p", reply(200).reset());
            scenario.get("/p").await.status(502);
            scenario.fetch(&get("/p").header("Cache-Control", "max-stale")).await.status(502);
            scenario.fetch(&get("/p").header("Cache-Control", "stale-if-error=99")).await.status(502);
        }
    }
}

#[tokio::test]
async fn the_origins_own_stale_windows_hold_for_what_never_was_fresh() {
    let scenario = Setup::route("").start().await;
    let old = reply(200).header("Cache-Control", "max-age=0, stale-while-revalidate=60").body("old");
    scenario.origin.on_each("/p", [old, reply(200).body("new")]);
    scenario.get("/p").await.body("old");
    scenario.get("/p").await.hit().body("old").says("detail=stale-while-revalidate");
}

#[tokio::test]
async fn with_override_a_rules_stale_windows_hold_for_a_lifetime_of_zero() {
    let scenario = Setup::route("origin = \"override\"\nstale_while_revalidate = \"1m\"").start().await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=0").body("old"));
    scenario.get("/p").await.body("old");
    scenario.get("/p").await.hit().body("old").says("detail=stale-while-revalidate");
}

#[tokio::test]
async fn stale_if_error_serves_stale_for_the_statuses_of_the_rfc_only() {
    for (status, served) in [(500, "old"), (502, "old"), (503, "old"), (504, "old"), (404, "error"), (400, "error")] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on_each("/p", [stale("stale-if-error=60").body("old"), reply(status).body("error")]);
        scenario.get("/p").await.body("old");
        let asked_by_head = scenario.fetch(&head("/p")).await;
        assert_eq!(asked_by_head.status, if served == "old" { 200 } else { status }, "{status}\n{asked_by_head}");
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
