//! `bypass`: a request that carries what a route names passes the cache by, down every road.

use crate::support::{Barrier, Scenario, Setup, get, post, reply, request};

const RULES: &str = r#"
[[route]]
name = "shop"
path = "/**"
ttl = "1m"
cookies = []
query = { allow = ["page"] }
bypass = { cookies = ["wp_logged_in_*"], headers = ["x-preview*"], query = ["preview"] }
"#;

/// A shop that greets whoever is logged in.
async fn shop() -> Scenario {
    let scenario = Setup::rules(RULES).start().await;
    scenario.origin.on_request("/p", |seen| {
        let user = seen.value("Cookie").unwrap_or("nobody");
        reply(200).header("ETag", "\"a\"").body(format!("for {user}"))
    });
    scenario
}

#[tokio::test]
async fn a_request_that_carries_one_passes_by_and_the_others_are_answered_from_the_cache() {
    let scenario = shop().await;
    scenario.get("/p").await.body("for nobody").says("stored");
    let rows = [
        (get("/p").header("Cookie", "a=1; wp_logged_in_7=ada"), "bypass-cookie", "for a=1; wp_logged_in_7=ada"),
        (get("/p").header("X-Preview-Of", "draft"), "bypass-header", "for nobody"),
        (get("/p?page=1&preview=1"), "bypass-query", "for nobody"),
        (get("/p?pre%76iew"), "bypass-query", "for nobody"),
        (
            get("/p").header("Cookie", "wp_logged_in_7=ada").header("Range", "bytes=0-2"),
            "bypass-cookie",
            "for wp_logged_in_7=ada",
        ),
        (request("HEAD", "/p").header("Cookie", "wp_logged_in_7=ada"), "bypass-cookie", ""),
    ];
    for (request, reason, body) in rows {
        scenario.fetch(&request).await.forwarded("bypass").says(&format!("detail={reason}")).body(body);
        scenario.get("/p").await.hit().body("for nobody");
    }
    scenario.fetch(&get("/p").header("Cookie", "theme=dark")).await.hit().body("for nobody");
    let only = get("/p").header("Cookie", "wp_logged_in_7=ada").header("Cache-Control", "only-if-cached");
    scenario.fetch(&only).await.problem(504).forwarded("bypass").says("detail=only-if-cached");
}

#[tokio::test]
async fn a_connection_that_was_answered_from_the_read_buffer_passes_by_as_well() {
    let scenario = shop().await;
    scenario.get("/p").await.says("stored");
    let mut client = scenario.connect().await;
    for _ in 0..2 {
        client.send(&get("/p")).await;
        client.response().await.hit().body("for nobody");
        client.send(&get("/p").header("Cookie", "wp_logged_in_7=ada")).await;
        client.response().await.forwarded("bypass").body("for wp_logged_in_7=ada");
    }
}

#[tokio::test]
async fn what_passes_by_neither_joins_a_fetch_nor_is_joined() {
    let scenario = Setup::rules(RULES).start().await;
    let gate = Barrier::new();
    let held = reply(200).hold(&gate).body("for nobody");
    scenario.origin.on_each("/p", [held, reply(200).body("for ada"), reply(200).body("late")]);
    let mut stranger = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    scenario.fetch(&get("/p").header("Cookie", "wp_logged_in_7=ada")).await.forwarded("bypass").body("for ada");
    gate.open();
    stranger.response().await.body("for nobody");
    scenario.get("/p").await.hit().body("for nobody");
}

#[tokio::test]
async fn what_a_logged_in_post_was_answered_is_not_kept_for_others() {
    let scenario = shop().await;
    scenario.origin.on(
        "/form",
        reply(200).header("Content-Location", "/form").header("Cache-Control", "max-age=60").body("for ada"),
    );
    scenario.fetch(&post("/form", "x").header("Cookie", "wp_logged_in_7=ada")).await.status(200);
    scenario.get("/form").await.not_a_hit();
}

#[tokio::test]
async fn explain_says_why_a_request_would_pass_by() {
    let scenario = shop().await;
    let asked = get("/explain?url=http%3A%2F%2Fshop.test%2Fp%3Fpreview%3D1");
    let text = scenario.admin(asked).await.text();
    assert!(text.contains("\"bypass-query\"") && text.contains("\"bypass\""), "{text}");
}
