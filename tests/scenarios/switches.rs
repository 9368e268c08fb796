//! Incident switches: what an operator sets for a while in place of what a route's rules say, down every road.

use crate::support::expect::Response;
use crate::support::origin::Origin;
use crate::support::reply::Reply;
use crate::support::request::Request;
use crate::support::served::larder;
use crate::support::{Scenario, Setup, get, head, post, reply};
use serde_json::Value;

const RULES: &str = r#"
[[route]]
name = "page"
path = "/page/**"
tags = ["pages"]
cookies = []

[[route]]
name = "shop"
path = "/**"
tags = ["all"]
cookies = []
"#;

async fn switch(scenario: &Scenario, route: &str, json: &str) -> Response {
    scenario.admin(post(&format!("/routes/{route}/switch"), json)).await
}

async fn set(scenario: &Scenario, route: &str, mode: &str) {
    let json = format!("{{\"mode\": \"{mode}\", \"for\": \"10m\", \"why\": \"the origin is ill\"}}");
    switch(scenario, route, &json).await.status(200);
}

async fn shop() -> Scenario {
    Setup::rules(RULES).start().await
}

/// Two seconds past its lifetime when it comes.
fn old(directives: &str) -> Reply {
    reply(200).header("Cache-Control", &format!("max-age=8{directives}")).header("Age", "10").header("ETag", "\"a\"")
}

fn fresh() -> Reply {
    reply(200).header("Cache-Control", "max-age=60").header("ETag", "\"a\"")
}

#[tokio::test]
async fn bypass_sends_everything_to_the_origin_and_stores_nothing() {
    let scenario = shop().await;
    scenario.origin.on_each("/p", [fresh().body("1"), fresh().body("2"), fresh().body("3"), fresh().body("4")]);
    scenario.get("/p").await.body("1");
    set(&scenario, "shop", "bypass").await;
    scenario.get("/p").await.body("2").forwarded("bypass").detail("switch-bypass").does_not_say("stored");
    scenario.fetch(&head("/p")).await.forwarded("bypass").detail("switch-bypass");
    let only = get("/p").header("Cache-Control", "only-if-cached");
    scenario.fetch(&only).await.problem(504).detail("only-if-cached");
    scenario.origin.on("/page/1", fresh().body("page"));
    scenario.get("/page/1").await.body("page");
    scenario.get("/page/1").await.hit();
    switch(&scenario, "shop", r#"{"mode": "normal"}"#).await.status(200);
    scenario.get("/p").await.hit().body("1");
}

#[tokio::test]
async fn writes_and_purges_hold_through_a_bypass() {
    let scenario = shop().await;
    for path in ["/a", "/b", "/c"] {
        scenario.origin.on(path, fresh().body("old"));
        scenario.get(path).await.body("old");
        scenario.origin.on(path, fresh().body("new"));
    }
    set(&scenario, "*", "bypass").await;
    scenario.fetch(&post("/a", "change")).await.status(200);
    scenario.purge(r#"{"urls": ["/b"]}"#).await;
    switch(&scenario, "*", r#"{"mode": "normal"}"#).await.status(200);
    scenario.get("/a").await.body("new").not_a_hit();
    scenario.get("/b").await.body("new").not_a_hit();
    scenario.get("/c").await.hit().body("old");
}

#[tokio::test]
async fn a_connection_that_is_answered_from_the_read_buffer_obeys_at_once() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh().body("shop"));
    scenario.get("/p").await.body("shop");
    let mut client = scenario.connect().await;
    for mode in ["bypass", "freeze", "bypass"] {
        for _ in 0..2 {
            client.send(&get("/p")).await;
            client.response().await.hit().body("shop");
        }
        set(&scenario, "shop", mode).await;
        client.send(&get("/p")).await;
        let response = client.response().await;
        if mode == "bypass" {
            response.forwarded("bypass").detail("switch-bypass");
        } else {
            response.hit();
        }
        switch(&scenario, "shop", r#"{"mode": "normal"}"#).await.status(200);
    }
}

/// What a request comes to while `mode` is set, for what is stored of an answer: `hit` and the label, or the origin is asked.
async fn check(mode: &str, stored: Reply, ask: Request, expected: Result<&str, &str>) {
    let scenario = shop().await;
    scenario.origin.on("/p", stored.body("stored"));
    scenario.get("/p").await.body("stored");
    set(&scenario, "*", mode).await;
    scenario.origin.on("/p", fresh().body("new"));
    let response = scenario.fetch(&ask).await;
    match expected {
        Ok("fresh") => drop(response.hit().does_not_say("detail")),
        Ok(detail) => drop(response.hit().detail(detail)),
        Err(forwarded) => drop(response.forwarded(forwarded)),
    }
    scenario.origin.saw("/p", if expected.is_ok() { 1 } else { 2 });
}

#[tokio::test]
async fn what_is_stored_is_served_without_asking_the_origin_as_far_as_anything_allows_it() {
    let p = || get("/p");
    for (mode, held) in [("stale-only", "switch-stale-only"), ("freeze", "switch-freeze")] {
        let rows: [(Reply, Request, Result<&str, &str>); 10] = [
            (fresh(), p(), Ok("fresh")),
            (old(""), p(), Ok(held)),
            (old(", s-maxage=5"), p(), Ok(held)),
            // A refresh would come of it otherwise.
            (old(", stale-while-revalidate=60"), p(), Ok(held)),
            (old(""), head("/p"), Ok(held)),
            (old(""), p().header("Range", "bytes=0-2"), Ok(held)),
            // A client that reloads is no reason to ask an origin that is ill.
            (fresh(), p().header("Cache-Control", "no-cache"), Ok("fresh")),
            (old(""), p().header("Cache-Control", "max-age=0"), Ok(held)),
            // What the origin wants to be asked about each time.
            (old(", no-cache"), p(), Err("stale")),
            (reply(200).header("Cache-Control", "max-age=0").header("ETag", "\"a\""), p(), Err("stale")),
        ];
        for (stored, ask, expected) in rows {
            check(mode, stored, ask, expected).await;
        }
    }
    // It is never served stale; but its lifetime may be kept from running out.
    check("stale-only", old(", must-revalidate"), p(), Err("stale")).await;
    check("freeze", old(", must-revalidate"), p(), Ok("switch-freeze")).await;
    check("stale-only", old(", proxy-revalidate"), p(), Err("stale")).await;
}

#[tokio::test]
async fn what_is_not_stored_is_fetched_and_kept_and_hard_purges_hold() {
    for mode in ["stale-only", "freeze"] {
        let scenario = shop().await;
        set(&scenario, "*", mode).await;
        scenario.origin.on("/p", old("").body("1"));
        scenario.get("/p").await.body("1").forwarded("uri-miss");
        scenario.get("/p").await.hit().detail(&format!("switch-{mode}")).body("1");
        scenario.purge(r#"{"tags": ["all"], "soft": true}"#).await;
        scenario.get("/p").await.hit().detail(&format!("switch-{mode}")).body("1");
        scenario.purge(r#"{"tags": ["all"]}"#).await;
        scenario.origin.on("/p", fresh().body("2"));
        scenario.get("/p").await.body("2").forwarded("uri-miss").detail("purged");
        scenario.origin.saw("/p", 2);
    }
}

#[tokio::test]
async fn a_purge_of_hot_keys_is_not_followed_by_fetches_while_a_route_is_held() {
    let keys = "[refresh]\nafter_purge = 0";
    let scenario = Setup::rules(RULES).section(keys).start().await;
    scenario.origin.on("/p", fresh().body("1"));
    for _ in 0..10 {
        scenario.get("/p").await.status(200);
    }
    set(&scenario, "*", "stale-only").await;
    scenario.purge(r#"{"tags": ["all"], "soft": true}"#).await;
    scenario.get("/p").await.hit().detail("switch-stale-only");
    switch(&scenario, "*", r#"{"mode": "normal"}"#).await.status(200);
    scenario.origin.saw("/p", 1);
}

#[tokio::test]
async fn a_switch_ends_by_itself() {
    let scenario = shop().await;
    scenario.origin.on("/p", fresh().body("1"));
    scenario.get("/p").await.body("1");
    switch(&scenario, "shop", r#"{"mode": "bypass", "for": "1s"}"#).await.status(200);
    scenario.until("the switch is over", &get("/p"), Response::is_hit).await;
    let stats: Value = serde_json::from_str(&scenario.admin(get("/stats")).await.text()).expect("it is JSON");
    assert_eq!(stats["switches"], serde_json::json!([]));
}

#[tokio::test]
async fn a_switch_outlives_a_reload_also_where_its_route_goes_for_a_while() {
    let scenario = shop().await;
    scenario.origin.on("/page/1", fresh().body("page"));
    scenario.get("/page/1").await.body("page");
    set(&scenario, "page", "bypass").await;
    let without = RULES.split_once("[[route]]\nname = \"shop\"").expect("it is the second").1;
    let without = format!("[[route]]\nname = \"shop\"{without}");
    for (rules, mode) in [(RULES, "bypass"), (without.as_str(), "gone"), (RULES, "bypass")] {
        std::fs::write(scenario.rules_file(), rules).expect("the folder is ours");
        scenario.admin(post("/reload", "")).await.status(200);
        let response = scenario.get("/page/1").await;
        if mode == "gone" {
            response.body("page").does_not_say("switch-bypass");
        } else {
            response.forwarded("bypass").detail("switch-bypass");
        }
        let shown: Value = serde_json::from_str(&scenario.admin(get("/routes")).await.text()).expect("it is JSON");
        assert_eq!(shown["switches"][0]["route"], "page", "{shown}");
    }
    std::fs::write(scenario.rules_file(), &without).expect("the folder is ours");
    scenario.admin(post("/reload", "")).await.status(200);
    switch(&scenario, "page", r#"{"mode": "normal"}"#).await.status(200);
    switch(&scenario, "page", r#"{"mode": "normal"}"#).await.problem(404);
}

#[tokio::test]
async fn what_is_switched_is_told_wherever_one_looks() {
    let scenario = shop().await;
    set(&scenario, "shop", "freeze").await;
    set(&scenario, "*", "bypass").await;
    let shown: Value = serde_json::from_str(&scenario.admin(get("/routes")).await.text()).expect("it is JSON");
    let modes = |n: usize| (shown["routes"][n]["name"].as_str(), shown["routes"][n]["mode"].as_str());
    assert_eq!(modes(0), (Some("page"), Some("bypass")), "{shown}");
    assert_eq!(modes(1), (Some("shop"), Some("freeze")), "{shown}");
    let own = &shown["routes"][1]["switch"];
    assert_eq!((&own["why"], &own["route"]), (&"the origin is ill".into(), &"shop".into()));
    let series = |route: &str, mode: &str| format!("larder_switch_active{{route=\"{route}\",mode=\"{mode}\"}}");
    assert!(scenario.metric(&series("*", "bypass")).await > 0.5);
    assert!(scenario.metric(&series("shop", "freeze")).await > 0.5);
    scenario.origin.on("/p", old("").body("1"));
    scenario.get("/p").await.body("1");
    for (url, reason, note) in [
        ("http://shop/page/1", "switch-bypass", "The incident switch of `*` is set to bypass until "),
        ("http://shop/p", "no-entry", "The incident switch of `shop` is set to freeze until "),
    ] {
        let explained = scenario.admin(get(&format!("/explain?url={url}"))).await.text();
        let explained: Value = serde_json::from_str(&explained).expect("it is JSON");
        assert_eq!(explained["would"]["reason"], reason, "{explained}");
        let notes = explained["notes"].to_string();
        assert!(notes.contains(note) && notes.contains(": the origin is ill."), "{notes}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_with_its_field() {
    let scenario = shop().await;
    let long = format!("{{\"mode\": \"bypass\", \"for\": \"1m\", \"why\": \"{}\"}}", "x".repeat(1_001));
    for (route, json, status, says) in [
        ("shop", r#"{"mode": "off", "for": "1m"}"#, 400, "\"field\":\"mode\""),
        ("shop", r#"{"for": "1m"}"#, 400, "\"field\":\"mode\""),
        ("shop", r#"{"mode": "bypass"}"#, 400, "\"field\":\"for\""),
        ("shop", r#"{"mode": "bypass", "for": 60}"#, 400, "\"field\":\"for\""),
        ("shop", r#"{"mode": "bypass", "for": "soon"}"#, 400, "\"field\":\"for\""),
        ("shop", r#"{"mode": "bypass", "for": "0s"}"#, 400, "\"field\":\"for\""),
        ("shop", r#"{"mode": "bypass", "for": "25h"}"#, 400, "1day at most"),
        ("shop", r#"{"mode": "bypass", "for": "1m", "why": 1}"#, 400, "\"field\":\"why\""),
        ("shop", &long, 400, "\"field\":\"why\""),
        ("shop", r#"{"mode": "bypass", "for": "1m", "until": "noon"}"#, 400, "until"),
        ("*", r#"{"mode": "normal", "for": "1m"}"#, 400, "\"field\":\"for\""),
        ("shpo", r#"{"mode": "bypass", "for": "1m"}"#, 404, "there are page, shop"),
        ("%FF", r#"{"mode": "bypass", "for": "1m"}"#, 400, "UTF-8"),
    ] {
        let refused = switch(&scenario, route, json).await;
        refused.problem(status);
        assert!(refused.text().contains(says), "{json}: {}", refused.text());
    }
}

#[tokio::test]
async fn the_command_sets_lists_and_ends_switches() {
    let origin = Origin::start().await;
    let served = Setup::rules(RULES).before(origin.address).serve().await;
    let run = async |arguments: &[&str]| {
        let mut command = larder(served.folder(), "switch");
        command.args(["--admin-url", &served.admin_address.to_string()]).args(arguments);
        let output = crate::support::deadline::within("an end", command.output()).await.expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(run(&[]).await, (Some(0), "no switch is on\n".to_owned()));
    let (code, said) = run(&["--all", "bypass", "--for", "1h", "--why", "ill"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("all routes: bypass from now on, applied by "), "{said}");
    let (_, said) = run(&[]).await;
    assert!(said.contains("  * bypass until ") && said.contains(": ill"), "{said}");
    let (code, said) = run(&["shop", "bypass"]).await;
    assert!(code == Some(1) && said.contains("say for how long"), "{said}");
    assert_eq!(run(&["shop"]).await.0, Some(2));
    let (code, said) = run(&["--all", "normal"]).await;
    assert!(code == Some(0) && said.contains("no switch is on"), "{said}");
}
