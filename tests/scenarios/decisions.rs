//! The feed of decisions: watched as they come, and asked for by request id afterwards.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::expect::Response;
use crate::support::request::{head, post};
use crate::support::scenario::Scenario;
use crate::support::{Barrier, Setup, get, reply};
use serde_json::Value;

const RULES: &str = "[[route]]\nname = \"product\"\npath = \"/p/{id}\"\nttl = \"1m\"\n\n\
                     [[route]]\nname = \"search\"\npath = \"/s\"\nttl = \"1m\"\n";

/// Somebody who watches.
struct Viewer {
    client: Client,
    text: String,
    read: usize,
}

impl Viewer {
    /// Watches what this query wants, from now on.
    async fn watch(scenario: &Scenario, query: &str) -> Self {
        let mut client = Client::connect(scenario.running.admin_address).await;
        let host = scenario.running.admin_address.to_string();
        client.send(&get(&format!("/requests{query}")).header("Host", &host)).await;
        let mut viewer = Self { client, text: String::new(), read: 0 };
        viewer.line(|line| line == ": watching").await;
        assert!(viewer.text.to_lowercase().contains("content-type: text/event-stream"), "{}", viewer.text);
        viewer
    }

    /// The next line that is wanted.
    async fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            while let Some((line, _)) = self.text[self.read..].split_once('\n') {
                self.read += line.len() + 1;
                if wanted(line.trim_end()) {
                    return line.trim_end().to_owned();
                }
            }
            let more = self.client.bytes().await.expect("events go on");
            self.text.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        let line = self.line(|line| line.starts_with("data: ")).await;
        serde_json::from_str(&line["data: ".len()..]).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

/// What is said of the request that got this answer.
async fn explained(scenario: &Scenario, answer: &Response) -> Value {
    let id = answer.value("X-Request-Id").expect("every answer has one");
    let said = scenario.admin(get(&format!("/explain?request_id={id}"))).await;
    said.status(200);
    serde_json::from_str(&said.text()).expect("JSON")
}

async fn shop() -> Scenario {
    let scenario = Setup::rules(RULES).start().await;
    scenario.origin.on("/p/1", reply(200).header("ETag", "\"a\"").body("one"));
    scenario.origin.on("/p/2", reply(200).header("Cache-Control", "private").body("two"));
    scenario.origin.on("/s", reply(200).body("found"));
    scenario.origin.on("/other", reply(404).body("none"));
    scenario
}

#[tokio::test]
async fn what_was_decided_is_told_by_request_id_afterwards() {
    let scenario = shop().await;
    let conditional = get("/p/1").header("If-None-Match", "\"a\"");
    for (request, status, outcome, reason, route, admission) in [
        (get("/p/1"), 200, "miss", "no-entry", Some("product"), Some("stored")),
        (get("/p/1"), 200, "hit", "fresh", Some("product"), None),
        (conditional, 304, "hit", "fresh", Some("product"), None),
        (get("/p/1").header("Range", "bytes=0-0"), 206, "hit", "fresh", Some("product"), None),
        (head("/p/1"), 200, "hit", "fresh", Some("product"), None),
        (get("/p/2"), 200, "miss", "response-private", Some("product"), Some("response-private")),
        (get("/other"), 404, "pass", "no-route", None, None),
        (post("/other", "x"), 404, "pass", "no-route", None, None),
    ] {
        let what = format!("{request:?}");
        let answer = scenario.fetch(&request).await;
        answer.status(status);
        let said = explained(&scenario, &answer).await;
        let decision = &said["decision"];
        let labels = (decision["outcome"].as_str(), decision["reason"].as_str(), decision["route"].as_str());
        assert_eq!(labels, (Some(outcome), Some(reason), route), "{what}: {said}");
        assert_eq!(decision["admission"].as_str(), admission, "{what}: {said}");
        assert_eq!(decision["cache_status"].as_str(), Some(answer.cache_status()), "{what}: {said}");
        assert_eq!(decision["status"], status, "{what}: {said}");
        assert_eq!(decision["body_bytes"], answer.body.len(), "{what}: {said}");
        let asks_origin = outcome != "hit";
        assert_eq!(decision["upstream"].is_string(), asks_origin, "{what}: {said}");
        assert_eq!(decision["request_id"].as_str(), answer.value("X-Request-Id"), "{what}: {said}");
        assert!(said["reason_explanation"].as_str().is_some_and(|text| text.ends_with('.')), "{what}: {said}");
    }
    scenario.admin(get("/explain?request_id=nobodys")).await.problem(404);
}

#[tokio::test]
async fn a_refused_request_is_told_of_too() {
    let scenario = shop().await;
    let mut client = scenario.send_raw("GET /p/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    let answer = client.response().await;
    let said = explained(&scenario, &answer).await;
    assert_eq!(said["decision"]["reason"], "host-repeated", "{said}");
    assert_eq!(said["decision"]["first_line"], "GET /p/1 HTTP/1.1", "{said}");
}

#[tokio::test]
async fn a_viewer_sees_what_it_wants_as_it_comes_and_nothing_else() {
    let scenario = shop().await;
    scenario.get("/p/1").await.status(200);
    let mut all = Viewer::watch(&scenario, "").await;
    let mut misses = Viewer::watch(&scenario, "?route=search&outcome=miss,stale").await;
    let mut unrouted = Viewer::watch(&scenario, "?route=-").await;
    let mut slow = Viewer::watch(&scenario, "?min_ms=60000").await;
    for target in ["/p/1", "/s", "/s", "/other"] {
        scenario.get(target).await;
    }
    for (target, outcome) in [("/p/1", "hit"), ("/s", "miss"), ("/s", "hit"), ("/other", "pass")] {
        let event = all.event().await;
        assert_eq!((&event["target"], &event["outcome"]), (&target.into(), &outcome.into()), "in their order");
    }
    assert_eq!(
        (misses.event().await["target"].as_str(), unrouted.event().await["target"].as_str()),
        (Some("/s"), Some("/other"))
    );
    scenario.admin(post("/purge", r#"{"all":true}"#)).await.status(200);
    scenario.get("/s").await;
    assert_eq!(misses.event().await["outcome"], "miss", "the hit in between was not wanted");
    assert!((scenario.metric("larder_decision_viewers").await - 4.0).abs() < 0.1);
    drop((all, misses, unrouted));
    within("the viewers that left to be forgotten", async {
        while scenario.metric("larder_decision_viewers").await > 1.1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(slow.text.matches("data:").count(), 0, "{}", slow.text);
    scenario.running.stop().await;
    within("the end of the events", async { while slow.client.bytes().await.is_some() {} }).await;
}

#[tokio::test]
async fn an_answer_whose_storing_is_not_known_at_its_end_is_told_once_it_is() {
    let scenario = Setup::rules(RULES).start().await;
    let gate = Barrier::new();
    // The client leaves before the body's end, which decides what is stored.
    let body = "x".repeat(200_000);
    scenario.origin.on("/p/1", reply(200).chunked().body(body.as_str()).wait(&gate).body("end"));
    let mut viewer = Viewer::watch(&scenario, "").await;
    let mut client = scenario.begin(&get("/p/1")).await;
    client.head().await;
    client.reset();
    gate.reached_by(1).await;
    gate.open();
    let event = viewer.event().await;
    assert_eq!((&event["ending"], &event["admission"]), (&"client-gone".into(), &"stored".into()), "{event}");
}

#[tokio::test]
async fn a_call_that_is_wrong_names_its_field() {
    let scenario = shop().await;
    for (query, field) in
        [("outcome=mist", "outcome"), ("min_ms=x", "min_ms"), ("sample=2", "sample"), ("rout=a", "rout")]
    {
        let said = scenario.admin(get(&format!("/requests?{query}"))).await;
        said.problem(400);
        assert!(said.text().contains(&format!("\"field\":\"{field}\"")), "{}", said.text());
    }
}
