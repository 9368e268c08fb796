//! What a successful write makes stale: RFC 9111 section 4.4.

use crate::support::{Scenario, Setup, post, reply, request};

async fn stored(paths: &[&str]) -> Scenario {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    for path in paths {
        scenario.origin.on(path, reply(200).body("stored"));
        scenario.get(path).await;
        scenario.get(path).await.hit();
    }
    scenario
}

#[tokio::test]
async fn a_successful_unsafe_request_invalidates_its_target() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "UNKNOWN"] {
        for status in [200, 201, 204, 303] {
            let scenario = stored(&["/p"]).await;
            scenario.origin.on("/p", reply(status));
            scenario.fetch(&request(method, "/p").body("x")).await.status(status);
            scenario.get("/p").await.not_a_hit();
        }
    }
}

#[tokio::test]
async fn a_failed_or_safe_request_invalidates_nothing() {
    for (method, status) in [("POST", 400), ("PUT", 404), ("DELETE", 500), ("OPTIONS", 200)] {
        let scenario = stored(&["/p"]).await;
        scenario.origin.on("/p", reply(status));
        scenario.fetch(&request(method, "/p")).await.status(status);
        scenario.get("/p").await.hit().body("stored");
    }
}

#[tokio::test]
async fn location_and_content_location_of_the_same_origin_are_invalidated_too() {
    for field in ["Location", "Content-Location"] {
        for (value, hit) in [("/q", false), ("http://shop.test/q", false), ("http://other.test/q", true)] {
            let scenario = stored(&["/p", "/q"]).await;
            scenario.origin.on("/p", reply(201).header(field, value));
            scenario.fetch(&post("/p", "x")).await.status(201);
            let after = scenario.get("/q").await;
            assert_eq!(after.is_hit(), hit, "{field}: {value}\n{after}");
        }
    }
}

#[tokio::test]
async fn a_write_overtakes_a_fetch_that_began_before_it() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = crate::support::Barrier::new();
    scenario.origin.on_each("/p", [reply(200).hold(&gate).body("old price"), reply(204), reply(200).body("new price")]);
    let mut reading = scenario.begin(&crate::support::get("/p")).await;
    gate.reached_by(1).await;
    scenario.fetch(&request("PUT", "/p").body("x")).await.status(204);
    gate.open();
    reading.response().await.body("old price");
    scenario.get("/p").await.not_a_hit().body("new price");
}

#[tokio::test]
async fn a_post_with_its_own_content_location_answers_a_later_get() {
    let scenario = Setup::route("methods = [\"GET\", \"POST\"]").start().await;
    let created = reply(200).header("Cache-Control", "max-age=60").header("Content-Location", "http://shop.test/p");
    scenario.origin.on_each("/p", [created.body("the product"), reply(200).body("fetched")]);
    scenario.fetch(&post("/p", "x")).await.body("the product");
    scenario.get("/p").await.hit().body("the product");
}
