//! POST and QUERY whose body is part of the key.

use crate::support::expect::Response;
use crate::support::{Barrier, Request, Scenario, Setup, post, reply, request};

const JSON: &str = "body_key = \"json\"\nttl = \"1m\"\n";

fn json(body: &str) -> Request {
    post("/search", body).header("Content-Type", "application/json")
}

fn query(body: &str) -> Request {
    request("QUERY", "/search").header("Content-Type", "application/json").body(body)
}

/// A search that answers with what it was asked.
async fn searching(keys: &str) -> Scenario {
    let scenario = Setup::route(keys).start().await;
    scenario.origin.on("/search", reply(200).echoing_the_body());
    scenario
}

#[tokio::test]
async fn a_search_is_answered_from_the_cache_by_what_its_body_says() {
    let scenario = searching(JSON).await;
    let tea = r#"{"q":"tea","page":1}"#;
    scenario.fetch(&json(tea)).await.status(200).forwarded("uri-miss").body(tea);
    for same in [tea, r#"{ "page": 1.0, "q": "\u0074ea" }"#] {
        scenario.fetch(&json(same)).await.hit().body(tea);
    }
    for other in [r#"{"q":"tea","page":2}"#, r#"{"q":"coffee","page":1}"#, "[]"] {
        scenario.fetch(&json(other)).await.not_a_hit().body(other);
        scenario.fetch(&json(other)).await.hit().body(other);
    }
    scenario.fetch(&query(tea)).await.not_a_hit().body(tea);
    scenario.fetch(&query(tea)).await.hit().body(tea);
    let other_type = post("/search", tea).header("Content-Type", "application/vnd.search+json");
    scenario.fetch(&other_type).await.not_a_hit();
    scenario.get("/search").await.not_a_hit();
    let seen = scenario.origin.requests("/search");
    assert_eq!(seen[0].body, tea.as_bytes(), "the origin gets the body as it came");
    assert_eq!((seen[0].method.as_str(), seen[0].value("content-length")), ("POST", Some("20")));
}

#[tokio::test]
async fn what_cannot_be_part_of_a_key_passes_through_untouched_with_its_reason() {
    let long = format!("\"{}\"", "x".repeat(70_000));
    for (keys, body, reason) in [
        (JSON, "{\"q\":", "request-body-unreadable"),
        (JSON, "", "request-body-unreadable"),
        (JSON, r#"{"q":1,"q":2}"#, "request-body-ambiguous"),
        (JSON, r#"{"id":9007199254740993}"#, "request-body-ambiguous"),
        (JSON, long.as_str(), "request-body-too-large"),
        ("body_key = \"bytes\"\nbody_key_max = \"8B\"\nttl = \"1m\"\n", "123456789", "request-body-too-large"),
    ] {
        let scenario = searching(keys).await;
        for _ in 0..2 {
            scenario.fetch(&json(body)).await.status(200).forwarded("bypass").detail(reason).body(body);
        }
        scenario.origin.saw("/search", 2);
    }
    let scenario = searching(JSON).await;
    let coded = json("not really").header("Content-Encoding", "br");
    scenario.fetch(&coded).await.detail("request-body-coding").body("not really");
}

#[tokio::test]
async fn requests_for_one_body_share_one_fetch() {
    let scenario = Setup::route(JSON).start().await;
    let gate = Barrier::new();
    scenario.origin.on("/search", reply(200).chunked().body("found ").wait(&gate).body("all"));
    let mut clients = Vec::new();
    for body in [r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#"{"a":1.0,"b":2}"#] {
        let mut client = scenario.begin(&json(body)).await;
        client.body_so_far("found ").await;
        clients.push(client);
    }
    gate.open();
    for client in &mut clients {
        client.response().await.status(200).body("found all");
    }
    scenario.origin.saw("/search", 1);
}

#[tokio::test]
async fn a_condition_is_answered_as_for_get_and_a_range_is_not_looked_at() {
    let scenario = Setup::route(JSON).start().await;
    scenario.origin.on("/search", reply(200).header("ETag", "\"v1\"").body("found"));
    for request in [json("{}"), query("{}")] {
        scenario.fetch(&request).await.not_a_hit();
        scenario.fetch(&request.clone().header("If-None-Match", "\"v1\"")).await.status(304).hit();
        scenario.fetch(&request.clone().header("If-None-Match", "\"v2\"")).await.status(200).body("found");
        scenario.fetch(&request.clone().header("Range", "bytes=0-1")).await.status(200).hit().body("found");
    }
}

#[tokio::test]
async fn only_query_is_validated_by_a_condition() {
    for (request, condition) in [(json("{}"), None), (query("{}"), Some("\"v1\""))] {
        let scenario = Setup::route("body_key = \"json\"").start().await;
        let stale = reply(200).header("Cache-Control", "max-age=8").header("Age", "10").header("ETag", "\"v1\"");
        scenario.origin.on("/search", stale.body("found"));
        scenario.fetch(&request).await.status(200);
        scenario.fetch(&request).await.status(200).not_a_hit();
        let seen = scenario.origin.requests("/search");
        assert_eq!(seen[1].value("if-none-match"), condition, "{}", seen[1].method);
        assert_eq!(seen[1].body, b"{}", "{}", seen[1].method);
    }
}

#[tokio::test]
async fn a_post_is_declared_safe_and_other_writes_still_invalidate() {
    let scenario = searching(JSON).await;
    scenario.fetch(&json("{}")).await.not_a_hit();
    scenario.get("/search").await.not_a_hit();
    for body in ["{}", "[1]", "not JSON"] {
        scenario.fetch(&json(body)).await.status(200);
    }
    scenario.get("/search").await.hit();
    scenario.fetch(&json("{}")).await.hit();
    for method in ["PUT", "PATCH", "DELETE"] {
        scenario.fetch(&request(method, "/search").body("x")).await.status(200);
        scenario.fetch(&json("{}")).await.not_a_hit();
        scenario.get("/search").await.not_a_hit();
    }
}

#[tokio::test]
async fn a_route_for_post_alone_is_purged_and_written_to_like_any() {
    let keys = format!("{JSON}methods = [\"POST\"]\nquery = {{ allow = [\"lang\"] }}\ntags = [\"search\"]\n");
    let scenario = Setup::route(&keys).start().await;
    let searched = |target: &str| post(target, "{}").header("Content-Type", "application/json");
    scenario.origin.on_request("/search", |_| reply(200).body("found"));
    let stored = async || {
        scenario.fetch(&searched("/search?lang=de&utm=1")).await;
        scenario.fetch(&searched("/search?lang=de")).await.hit();
    };
    for purge in [
        r#"{"urls": ["http://shop.test/search?utm=2&lang=de"]}"#,
        r#"{"urls": ["/search?lang=de&utm=3"]}"#,
        r#"{"prefixes": ["/search"]}"#,
        r#"{"tags": ["search"]}"#,
        r#"{"routes": ["all"]}"#,
        r#"{"all": true}"#,
    ] {
        stored().await;
        scenario.purge(purge).await;
        scenario.fetch(&searched("/search?lang=de")).await.not_a_hit();
    }
    stored().await;
    scenario.fetch(&request("DELETE", "/search?lang=de").body("x")).await;
    scenario.fetch(&searched("/search?lang=de")).await.not_a_hit();
    assert!(scenario.origin.requests("/search").iter().all(|seen| seen.target != "/search?utm=1"));
}

#[tokio::test]
async fn what_one_user_is_answered_is_not_for_another() {
    let scenario = searching(JSON).await;
    let of_user = |token: &str| json("{}").header("Authorization", token);
    for token in ["Bearer one", "Bearer two", "Bearer one"] {
        scenario.fetch(&of_user(token)).await.not_a_hit();
    }
    scenario.origin.saw("/search", 3);
    let with_cookie = json("{}").header("Cookie", "session=1");
    scenario.fetch(&with_cookie).await.not_a_hit();
    scenario.fetch(&with_cookie).await.not_a_hit();
}

#[tokio::test]
async fn a_body_that_its_client_breaks_off_reaches_no_origin() {
    let scenario = searching(JSON).await;
    let mut client = scenario
        .send_raw("POST /search HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{\"q\"")
        .await;
    client.finish_writing().await;
    client.response().await.problem(400);
    scenario.fetch(&json("{}")).await.status(200);
    scenario.origin.saw("/search", 1);
}

#[tokio::test]
async fn a_hot_body_is_fetched_again_after_a_purge_and_holds_nothing_meanwhile() {
    let scenario = Setup::route(JSON).section("[refresh]\nafter_purge = 0").start().await;
    scenario.origin.on("/search", reply(200).echoing_the_body());
    let tea = json(r#"{"q":"tea"}"#);
    for _ in 0..6 {
        scenario.fetch(&tea).await.status(200);
    }
    scenario.origin.saw("/search", 1);
    assert!(scenario.metric("larder_in_flight_bytes").await < 1.0, "a hot body is no longer under way");
    scenario.purge(r#"{"all": true}"#).await;
    scenario.origin.requested("/search", 2).await;
    let again = &scenario.origin.requests("/search")[1];
    assert_eq!((again.method.as_str(), again.body.as_slice()), ("POST", &br#"{"q":"tea"}"#[..]));
    scenario.until("a hit after the refresh", &tea, Response::is_hit).await.body(r#"{"q":"tea"}"#);
    scenario.origin.saw("/search", 2);
}
