//! Invariant 1: once a purge is acknowledged, nothing fetched before it is served as a fresh hit.

use crate::support::{Barrier, Scenario, Setup, get, post, reply};

const TAGGED: &str = "ttl = \"1m\"\ntags = [\"catalog\"]";

async fn one_then_two() -> Scenario {
    let scenario = Setup::route(TAGGED).start().await;
    scenario.origin.on_each("/p", [reply(200).body("one"), reply(200).body("two")]);
    scenario.get("/p").await.body("one");
    scenario.get("/p").await.hit().body("one");
    scenario
}

#[tokio::test]
async fn invariant_1_a_purge_of_each_scope_makes_the_next_request_a_miss() {
    for purge in [
        r#"{"tags": ["catalog"]}"#,
        r#"{"urls": ["http://shop.test/p"]}"#,
        r#"{"urls": ["/p"]}"#,
        r#"{"prefixes": ["http://shop.test/"]}"#,
        r#"{"prefixes": ["/p"]}"#,
        r#"{"routes": ["all"]}"#,
        r#"{"all": true}"#,
    ] {
        let scenario = one_then_two().await;
        scenario.purge(purge).await;
        let after = scenario.get("/p").await;
        after.not_a_hit().body("two");
        scenario.get("/p").await.hit().body("two");
    }
}

#[tokio::test]
async fn invariant_1_a_purge_of_something_else_leaves_the_hit() {
    for purge in [
        r#"{"tags": ["catalogue"]}"#,
        r#"{"urls": ["http://shop.test/p?x=1"]}"#,
        r#"{"urls": ["http://other.test/p"]}"#,
        r#"{"prefixes": ["/q"]}"#,
        r#"{"routes": ["other"]}"#,
    ] {
        let scenario = one_then_two().await;
        scenario.admin(post("/purge", purge)).await;
        scenario.get("/p").await.hit().body("one");
    }
}

#[tokio::test]
async fn invariant_1_a_fetch_in_flight_across_a_purge_never_becomes_a_hit() {
    let scenario = Setup::route(TAGGED).start().await;
    let (head, middle) = (Barrier::new(), Barrier::new());
    scenario.origin.on("/before-head", reply(200).hold(&head).body("old"));
    scenario.origin.on("/in-body", reply(200).chunked().body("o").wait(&middle).body("ld"));
    let mut early = scenario.begin(&get("/before-head")).await;
    head.reached_by(1).await;
    let mut late = scenario.begin(&get("/in-body")).await;
    late.body_so_far("o").await;
    scenario.purge(r#"{"tags": ["catalog"]}"#).await;
    head.open();
    middle.open();
    early.response().await.status(200).body("old");
    late.response().await.status(200).body("old");
    scenario.get("/before-head").await.not_a_hit();
    scenario.get("/in-body").await.not_a_hit();
}

#[tokio::test]
async fn invariant_1_a_request_after_a_purge_never_joins_a_flight_from_before_it() {
    let scenario = Setup::route(TAGGED).start().await;
    let gate = Barrier::new();
    scenario.origin.on_each("/p", [reply(200).hold(&gate).body("old"), reply(200).body("new")]);
    let mut before = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    scenario.purge(r#"{"all": true}"#).await;
    scenario.get("/p").await.body("new").not_a_hit();
    gate.open();
    before.response().await.body("old");
    scenario.get("/p").await.hit().body("new");
}

#[tokio::test]
async fn invariant_1_a_304_for_a_validation_begun_before_a_purge_revives_nothing() {
    let scenario = Setup::route("tags = [\"catalog\"]").start().await;
    let gate = Barrier::new();
    let stale = reply(200).header("ETag", "\"1\"").header("Cache-Control", "max-age=1").header("Age", "5").body("old");
    let confirmed = reply(304).header("ETag", "\"1\"").header("Cache-Control", "max-age=60").hold(&gate);
    let new = reply(200).header("ETag", "\"2\"").header("Cache-Control", "max-age=60").body("new");
    scenario.origin.on_each("/p", [stale, confirmed, new]);
    scenario.get("/p").await.body("old");
    let mut validating = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    scenario.purge(r#"{"tags": ["catalog"]}"#).await;
    gate.open();
    // The purge is a hard one: what it took is fetched whole, although the origin confirms it.
    validating.response().await.status(200).body("new");
    scenario.get("/p").await.body("new");
}

#[tokio::test]
async fn invariant_1_a_purge_of_a_url_takes_all_its_variants() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    scenario.origin.on_request("/p", |seen| {
        reply(200).header("Vary", "X-Currency").body(seen.value("X-Currency").unwrap_or_default())
    });
    let euro = get("/p").header("X-Currency", "EUR");
    let yen = get("/p").header("X-Currency", "JPY");
    for request in [&euro, &yen] {
        scenario.fetch(request).await;
        scenario.fetch(request).await.hit();
    }
    scenario.purge(r#"{"urls": ["/p"]}"#).await;
    for request in [&euro, &yen] {
        scenario.fetch(request).await.not_a_hit();
    }
}

#[tokio::test]
async fn invariant_1_the_origins_own_tags_purge_too() {
    for field in ["Surrogate-Key", "Cache-Tag", "Cache-Groups"] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        let value = match field {
            "Surrogate-Key" => "shoes product-7",
            "Cache-Tag" => "shoes, product-7",
            _ => "\"shoes\", \"product-7\"",
        };
        scenario.origin.on("/p", reply(200).header(field, value).body("x"));
        scenario.get("/p").await;
        scenario.get("/p").await.hit();
        scenario.purge(r#"{"tags": ["product-7"]}"#).await;
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn invariant_1_a_soft_purge_makes_stale_so_that_stale_windows_still_help() {
    let scenario = Setup::route("ttl = \"1m\"\nstale_if_error = \"1h\"").start().await;
    scenario.origin.on_each("/p", [reply(200).body("one"), reply(503).body("down"), reply(200).body("two")]);
    scenario.get("/p").await.body("one");
    scenario.purge(r#"{"all": true, "soft": true}"#).await;
    scenario.get("/p").await.status(200).body("one").says("fwd=stale");
    // The origin has failed a moment ago: nobody waits for it while one fetch tries anew.
    scenario.until("what the origin brings", &get("/p"), |answer| answer.text() == "two").await.hit();
    scenario.origin.saw("/p", 3);
}

#[tokio::test]
async fn invariant_1_a_hard_purge_is_not_served_even_where_the_origin_fails() {
    let scenario = Setup::route("ttl = \"1m\"\nstale_if_error = \"1h\"").start().await;
    scenario.origin.on_each("/p", [reply(200).body("one"), reply(503).body("down")]);
    scenario.get("/p").await.body("one");
    scenario.purge(r#"{"all": true}"#).await;
    scenario.get("/p").await.status(503).body("down");
}
