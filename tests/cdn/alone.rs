//! What a lone instance asks of a CDN, and what it makes of each answer.

use super::edge::{Edge, purge, purge_through, receipt, until_state};
use crate::support::reply::reply;
use crate::support::{Scenario, Setup, post};
use serde_json::json;

/// An instance whose CDN has been emptied once, as at each start.
async fn emptied(edge: &Edge, keys: &str) -> Scenario {
    let scenario = Setup::route("tags = [\"all\"]").section(&edge.block(keys)).start().await;
    edge.until_emptied(1).await;
    scenario
}

#[tokio::test]
async fn what_is_purged_here_is_purged_at_the_cdn_and_the_receipt_says_when_and_as_what() {
    let edge = Edge::start().await;
    let larder = emptied(&edge, "").await;
    let said = purge_through(&larder, r#""tags": ["b", "a b"]"#).await;
    let call = edge.api.only_request("/tags");
    assert_eq!((call.method.as_str(), call.value("authorization")), ("POST", Some("Bearer s3cret")));
    assert_eq!(edge.tags(), ["a b", "b"]);
    assert_eq!(
        (&said["state"], &said["asked"], &said["ids"]),
        (&json!("done"), &json!("2 tags"), &json!(["id-of-tags"]))
    );
    assert!(said["at"].is_string() && said["widened"].is_null(), "{said}");
    let said = purge_through(&larder, r#""urls": ["/p?q=1"]"#).await;
    assert_eq!(said["asked"], json!("1 URL"));
    let call = edge.api.only_request("/urls");
    assert_eq!((call.method.as_str(), &*call.body), ("PURGE", &b"/p?q=1"[..]));
}

#[tokio::test]
async fn what_the_cdn_cannot_be_told_is_purged_wider_and_said() {
    let edge = Edge::start().await;
    let larder = emptied(&edge, "").await;
    for (nth, scopes) in
        [r#""routes": ["all"]"#, r#""prefixes": ["/p"]"#, r#""prefixes": ["/p"], "tags": ["a"]"#].iter().enumerate()
    {
        let said = purge_through(&larder, scopes).await;
        assert_eq!((&said["state"], &said["asked"]), (&json!("done"), &json!("everything")), "{scopes}");
        assert!(said["widened"].is_string(), "{scopes}: {said}");
        edge.api.saw("/all", nth + 2);
    }
    let said = purge_through(&larder, r#""all": true"#).await;
    assert!(said["widened"].is_null(), "that is what was asked for: {said}");
    assert_eq!(larder.metric("larder_cdn_purges_total{cdn=\"edge\",result=\"widened\"}").await.to_string(), "3");
    edge.api.saw("/tags", 0);
}

#[tokio::test]
async fn what_the_cdn_refuses_is_purged_wider_and_said() {
    let edge = Edge::start().await;
    edge.api.on("/tags", reply(400).body("no such tag"));
    let larder = emptied(&edge, "").await;
    let said = purge_through(&larder, r#""tags": ["a"]"#).await;
    assert_eq!(said["asked"], json!("everything"));
    assert!(said["widened"].as_str().is_some_and(|why| why.contains("no such tag")), "{said}");
    edge.api.saw("/all", 2);
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_until_it_is_done() {
    let edge = Edge::start().await;
    let not_now = reply(429).header("Retry-After", "1");
    edge.api.on_each("/tags", [reply(500), not_now, reply(401), reply(200)]);
    let larder = emptied(&edge, "").await;
    let said = purge_through(&larder, r#""tags": ["a"]"#).await;
    assert_eq!(said["asked"], json!("1 tag"));
    assert_eq!(edge.tags(), ["a"; 4]);
    assert_eq!(larder.metric("larder_cdn_purges_total{cdn=\"edge\",result=\"failed\"}").await.to_string(), "3");
    assert_eq!(larder.metric("larder_cdn_lag_seconds{cdn=\"edge\"}").await.to_string(), "0");
}

#[tokio::test]
async fn while_it_fails_the_receipt_says_so_and_why() {
    let edge = Edge::start().await;
    edge.api.on("/tags", reply(503).body("on holiday"));
    let larder = emptied(&edge, "").await;
    let answer = purge(&larder, r#"{"tags": ["a"]}"#).await;
    let id = receipt(answer.status(200))["id"].as_str().expect("a receipt has an id").to_owned();
    let said = until_state(&larder, &id, |said| said["state"] == json!("failed")).await;
    assert_eq!(said["error"], json!("status 503: on holiday"));
    let answer = purge(&larder, r#"{"tags": ["b"], "wait": "10ms", "wait_for": "cdns"}"#).await;
    answer.status(202);
    edge.api.on("/tags", reply(200));
    until_state(&larder, &id, |said| said["state"] == json!("done")).await;
    edge.api
        .until("the second purge", |seen| seen.iter().any(|call| call.body.starts_with(br#"{"tags": ["b","#)))
        .await;
}

#[tokio::test]
async fn a_cdn_that_says_nothing_or_hangs_up_is_asked_again() {
    let edge = Edge::start().await;
    edge.api.on_each("/tags", [reply(200).length(5).body("ab").cut(), reply(200)]);
    let larder = emptied(&edge, "").await;
    purge_through(&larder, r#""tags": ["a"]"#).await;
    assert_eq!(edge.tags(), ["a", "a"]);
}

#[tokio::test]
async fn many_tags_are_named_in_batches_and_too_many_calls_are_one_for_everything() {
    let edge = Edge::start().await;
    let larder = emptied(&edge, "").await;
    let tags = |count: usize| (0..count).map(|n| format!("\"t{n}\"")).collect::<Vec<_>>().join(",");
    let said = purge_through(&larder, &format!("\"tags\": [{}]", tags(65))).await;
    assert_eq!(said["asked"], json!("65 tags"));
    edge.api.saw("/tags", 3);
    assert_eq!(edge.tags().len(), 65);
    let said = purge_through(&larder, &format!("\"tags\": [{}]", tags(3_001))).await;
    assert_eq!(said["asked"], json!("everything"));
    edge.api.saw("/tags", 3);
}

#[tokio::test]
async fn what_an_unsafe_request_invalidates_is_purged_at_the_cdn() {
    let edge = Edge::start().await;
    let larder = emptied(&edge, "").await;
    larder.origin.on("/p", reply(204));
    larder.fetch(&post("/p", "")).await.status(204);
    edge.api.requested("/urls", 1).await;
    assert_eq!(edge.api.only_request("/urls").body, b"/p");
}

#[tokio::test]
async fn a_purge_is_made_once_more_after_answers_that_were_on_their_way() {
    let edge = Edge::start().await;
    let larder = emptied(&edge, "repeat_after = \"300ms\"").await;
    edge.until_emptied(2).await;
    purge_through(&larder, r#""tags": ["a"]"#).await;
    assert_eq!(edge.tags(), ["a", "a"], "it is done once it was made again");
}

#[tokio::test]
async fn a_wait_for_cdns_without_a_wait_or_for_others_is_refused() {
    let edge = Edge::start().await;
    let larder = emptied(&edge, "").await;
    for json in [r#"{"all": true, "wait_for": "cdns"}"#, r#"{"all": true, "wait": "1s", "wait_for": "cdn"}"#] {
        purge(&larder, json).await.problem(400);
    }
}

#[tokio::test]
async fn answers_carry_all_their_tags_in_the_field_that_the_cdn_reads() {
    let rules = "[[route]]\nname = \"product\"\npath = \"/p/{id}\"\ntags = [\"product:{id}\"]\nsend_tags_as = \"Surrogate-Key\"\n\
                 [[route]]\nname = \"list\"\npath = \"/list\"\ntags = [\"lists\"]\ntags_from_body = [\"$[*]\"]\n\
                 send_tags_as = \"Cache-Tag\"\n";
    let larder = Setup::rules(rules).start().await;
    let tagged =
        |directive: &str| reply(200).header("Cache-Control", directive).header("Cache-Tag", "red shoes").body("[]");
    for (path, directive) in [("/p/1", "max-age=60"), ("/p/2", "no-store"), ("/list", "max-age=60")] {
        larder.origin.on(path, tagged(directive));
    }
    for _ in 0..2 {
        let answer = larder.get("/p/1").await;
        let label = answer.value("surrogate-key").unwrap_or_default();
        assert!(label.starts_with("product:1 ") && label.contains(" larder-"), "{label}");
        answer.header("cache-tag", "red shoes");
        let unstored = larder.get("/p/2").await;
        assert!(
            unstored.value("surrogate-key").is_some_and(|label| label.starts_with("product:2 ")),
            "a CDN may keep it"
        );
        let list = larder.get("/list").await;
        let label = list.value("cache-tag").unwrap_or_default();
        assert!(label.starts_with("lists,") && label.ends_with(",larder-unlisted"), "{label}");
    }
    larder.get("/p/1").await.hit();
    larder.get("/list").await.hit();
    larder.purge(r#"{"tags": ["red shoes"]}"#).await;
    larder.get("/p/1").await.not_a_hit();
    larder.get("/list").await.not_a_hit();
}
