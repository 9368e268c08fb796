//! The dashboard: its page, the files of it, and what it reads.

use crate::house::{House, Plan, TOKEN, build};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use larder::testing::engine::Outcome;
use larder::testing::metrics::Why;
use larder::testing::scope::RouteName;
use larder::testing::semantics::Reason;
use serde_json::Value;
use std::time::Duration;

/// What is read of a stream of events.
struct Watching {
    answer: Response<Incoming>,
    read: String,
}

impl Watching {
    async fn start(house: &House) -> Self {
        let answer = house.open(house.ask(Method::GET, "/live")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, read: String::new() }
    }

    /// The next snapshot.
    async fn next(&mut self) -> Value {
        loop {
            if let (name, snapshot) = self.event().await
                && name == "snapshot"
            {
                return snapshot;
            }
        }
    }

    /// The next event: its name and its data.
    async fn event(&mut self) -> (String, Value) {
        let reading = async {
            while !self.read.contains("\n\n") {
                let frame = self.answer.body_mut().frame().await.expect("the stream goes on").unwrap();
                self.read.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reading).await.expect("a snapshot within the deadline");
        let (event, rest) = self.read.split_once("\n\n").unwrap();
        let (name, data) = event.split_once("event: ").and_then(|(_, event)| event.split_once("\ndata: ")).unwrap();
        let (event, length) = ((name.to_owned(), serde_json::from_str(data).unwrap()), self.read.len() - rest.len());
        self.read.drain(..length);
        event
    }
}

#[tokio::test]
async fn the_page_lets_nothing_run_that_is_not_a_file_of_this_listener() {
    let house = build(Plan::default()).await;
    let page = house.get("/").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.text.contains("<script type=\"module\" src=\"/assets/main.js\">"));
}

#[tokio::test]
async fn the_files_of_the_pages_are_there_for_who_has_not_logged_in_yet() {
    let house = build(Plan::default()).await;
    for (file, kind) in [
        ("main.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("uplot-LICENSE.txt", "text/plain; charset=utf-8"),
    ] {
        let mut request = house.ask(Method::GET, &format!("/assets/{file}"));
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().insert(ACCEPT, "*/*".parse().unwrap());
        let said = house.send(request).await;
        assert_eq!((said.status, said.header("content-type")), (StatusCode::OK, kind), "{file}");
        assert_eq!(said.header("x-content-type-options"), "nosniff");
    }
    for absent in ["/assets/nothing.js", "/assets/..%2fopenapi.json", "/assets/"] {
        assert_eq!(house.get(absent).await.status, StatusCode::NOT_FOUND, "{absent}");
    }
}

#[tokio::test]
async fn a_snapshot_has_the_numbers_the_purges_and_the_rules() {
    let house = build(Plan::default()).await;
    let mut watching = Watching::start(&house).await;
    let (name, points) = watching.event().await;
    assert_eq!((name.as_str(), points.is_array()), ("points", true));
    assert_eq!(watching.next().await["stats"]["overall"]["requests"], 0);
    let product = RouteName::new("product<1>");
    for (outcome, reason) in
        [(Outcome::Hit, Reason::Fresh), (Outcome::Hit, Reason::Fresh), (Outcome::Miss, Reason::Expired)]
    {
        let why = Why::Decided(reason);
        house.metrics.request_finished(Some(&product), outcome, why, StatusCode::OK, Duration::from_millis(2));
    }
    let receipt = house.post("/purge", r#"{"tags":["<b>"]}"#).await.json();
    let snapshot = loop {
        let snapshot = watching.next().await;
        if snapshot["stats"]["overall"]["requests"] == 3 && snapshot["purges"][0].is_object() {
            break snapshot;
        }
    };
    assert_eq!(snapshot["recent"]["routes"]["product<1>"]["outcomes"]["hit"], 2);
    assert_eq!(snapshot["recent"]["overall"]["misses"]["p95_ms"], 2.5);
    let reasons = &snapshot["recent"]["overall"]["reasons"];
    assert_eq!(reasons, &serde_json::json!([{"outcome": "miss", "reason": "expired", "requests": 1}]));
    let purge = &snapshot["purges"][0];
    assert_eq!((&purge["id"], &purge["pending"]), (&receipt["id"], &serde_json::json!([])));
    assert_eq!(purge["scopes"], serde_json::json!([{"kind": "tag", "name": "<b>"}]));
    assert_eq!((&snapshot["rules"]["routes"][0], &snapshot["redis"]), (&"product".into(), &Value::Null));
    assert_eq!(snapshot["pools"][0]["servers"][0]["state"], "up");
}

#[tokio::test]
async fn all_viewers_get_the_same_snapshots_and_one_too_many_is_told_so() {
    let house = build(Plan::default()).await;
    let mut viewers = Vec::new();
    for _ in 0..200 {
        viewers.push(Watching::start(&house).await);
    }
    let refused = house.get("/live").await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    for viewer in &mut viewers {
        viewer.next().await;
    }
    viewers.pop();
    let let_in = async {
        while house.open(house.ask(Method::GET, "/live")).await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), let_in).await.expect("room once a viewer has left");
    viewers.clear();
    let sees_what_was = async {
        while Watching::start(&house).await.event().await.1.as_array().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sees_what_was).await.expect("a new viewer gets the points so far");
}

#[tokio::test]
async fn without_the_token_nothing_is_to_be_seen() {
    let house = build(Plan::default()).await;
    for token in [None, Some("wrong"), Some(TOKEN)] {
        let mut request = house.ask(Method::GET, "/live");
        request.headers_mut().remove(AUTHORIZATION);
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        let expected = if token == Some(TOKEN) { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(house.open(request).await.status(), expected, "{token:?}");
    }
}
