//! The upstream servers as the admin API shows them, and taking one out.

use crate::house::{Plan, build};
use http::StatusCode;

const FIRST: &str = "/upstreams/default/127.0.0.1%3A7/drain";
const SECOND: &str = "/upstreams/default/%5B%3A%3A1%5D%3A8/drain";

#[tokio::test]
async fn pools_are_shown_with_their_servers() {
    let house = build(Plan::default()).await;
    let shown = house.get("/upstreams").await.json();
    assert_eq!((&shown["pools"][0]["pool"], &shown["pools"][1]["pool"]), (&"default".into(), &"search".into()));
    let first = &shown["pools"][0];
    assert_eq!((&first["balance"], &first["under_way"]), (&"round-robin".into(), &0.into()));
    let server = &first["servers"][1];
    assert_eq!((&server["server"], &server["state"], &server["weight"]), (&"[::1]:8".into(), &"up".into(), &1.into()));
    assert_eq!(server["addresses"][0]["address"], "[::1]:8");
    assert_eq!(server["connections"]["idle"], 0);
}

#[tokio::test]
async fn a_server_is_taken_out_and_in_and_the_last_one_only_by_force() {
    let house = build(Plan::default()).await;
    let drained = house.post(FIRST, "{}").await;
    assert_eq!((drained.status, &drained.json()["state"]), (StatusCode::OK, &"draining".into()), "{}", drained.text);
    assert_eq!(house.post(FIRST, "{\"drain\": true}").await.status, StatusCode::OK, "it is so already");
    let last = house.post(SECOND, "{\"drain\": true}").await;
    assert_eq!(last.status, StatusCode::CONFLICT, "{}", last.text);
    assert!(last.json()["hint"].as_str().unwrap().contains("force"), "{}", last.text);
    let states =
        |text: &serde_json::Value| [0, 1].map(|n| text["pools"][0]["servers"][n]["state"].as_str().unwrap().to_owned());
    assert_eq!(states(&house.get("/upstreams").await.json()), ["draining", "up"]);
    assert_eq!(house.post(SECOND, "{\"drain\": true, \"force\": true}").await.status, StatusCode::OK);
    assert_eq!(states(&house.get("/upstreams").await.json()), ["draining", "draining"]);
    for path in [FIRST, SECOND] {
        assert_eq!(house.post(path, "{\"drain\": false}").await.json()["state"], "up");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_understood_is_refused() {
    let house = build(Plan::default()).await;
    let rows = [
        ("/upstreams/default/127.0.0.1%3A99/drain", "{}", StatusCode::NOT_FOUND),
        ("/upstreams/images/127.0.0.1%3A7/drain", "{}", StatusCode::NOT_FOUND),
        ("/upstreams/default/%FF/drain", "{}", StatusCode::BAD_REQUEST),
        (FIRST, "", StatusCode::BAD_REQUEST),
        (FIRST, "[true]", StatusCode::BAD_REQUEST),
        (FIRST, "{\"drain\": 1}", StatusCode::BAD_REQUEST),
        (FIRST, "{\"drian\": true}", StatusCode::BAD_REQUEST),
        ("/upstreams/search/127.0.0.1%3A9/drain", "{}", StatusCode::CONFLICT),
    ];
    for (path, body, status) in rows {
        let refused = house.post(path, body).await;
        assert_eq!(refused.status, status, "{path} {body}: {}", refused.text);
    }
    let unknown = house.post("/upstreams/images/x/drain", "{}").await.json();
    let names = "there are default/127.0.0.1:7, default/[::1]:8, search/127.0.0.1:9";
    assert_eq!(unknown["hint"], names);
}
