//! `stored` is said of what was stored, and every refusal to store has its reason: in Cache-Status where it is known in
//! time, else in the log, the metric and `explain`.

use crate::support::deadline::within;
use crate::support::reply::Reply;
use crate::support::{Barrier, Scenario, Setup, get, head, post, raw, reply};
use serde_json::Value;

const MEBIBYTE: usize = 1 << 20;

/// A chunked answer in one write, since nobody waits for the end of a body of unknown length. Then the connection closes.
fn at_once(fields: &str, body: &str, end: &str) -> Reply {
    let length = body.len();
    raw(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{fields}\r\n{length:x}\r\n{body}\r\n{end}"))
}

impl Scenario {
    /// Waits until so many answers of the route `all` came to this.
    async fn admitted(&self, result: &str, count: f64) {
        within(format!("{count} of {result}"), async {
            while self.metric(&format!("larder_admissions_total{{route=\"all\",result=\"{result}\"}}")).await < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Why the last answer for `/p` was not stored, as `explain` says it.
    async fn last_refusal(&self) -> Option<String> {
        let explained = self.admin(get("/explain?url=http://shop.test/p")).await.text();
        let explained: Value = serde_json::from_str(&explained).expect("explain answers with JSON");
        explained["last_refusal"]["reason"].as_str().map(str::to_owned)
    }
}

#[tokio::test]
async fn a_short_answer_is_stored_before_its_head_is_sent_which_says_so() {
    let later = Barrier::new();
    later.open();
    for answer in [
        reply(200).body("short"),
        reply(200),
        reply(204),
        at_once("", "short", "0\r\n\r\n"),
        reply(200).body("x".repeat(64 << 10)),
        reply(200).length(4).body("sh").wait(&later).body("or"),
        reply(200).header("ETag", "\"a\"").body("short"),
    ] {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        scenario.origin.on("/p", answer);
        scenario.get("/p").await.says("stored").detail("no-entry");
        scenario.admitted("stored", 1.0).await;
        scenario.get("/p").await.hit();
        assert_eq!(scenario.last_refusal().await, None);
    }
}

#[tokio::test]
async fn a_head_that_comes_before_the_end_of_its_body_does_not_say_stored() {
    let long = "x".repeat(MEBIBYTE);
    for (answer, begins_with) in [
        (|gate: &Barrier, _: &str| reply(200).length(4).body("sh").wait(gate).body("or"), "sh"),
        (|gate: &Barrier, _: &str| reply(200).chunked().body("sh").wait(gate).body("ort"), "sh"),
        (|gate: &Barrier, _: &str| reply(200).header("Content-Type", "text/event-stream").wait(gate).body("short"), ""),
        (|gate: &Barrier, long: &str| reply(200).chunked().body(long).wait(gate).body("end"), "xxx"),
        (|gate: &Barrier, long: &str| reply(200).length(MEBIBYTE as u64 + 1).body(long).wait(gate).body("."), "xxx"),
    ] as [(fn(&Barrier, &str) -> Reply, &str); 5]
    {
        let scenario = Setup::route("ttl = \"1m\"").start().await;
        let gate = Barrier::new();
        scenario.origin.on("/p", answer(&gate, &long));
        let mut client = scenario.begin(&get("/p")).await;
        let status = client.head().await.value("Cache-Status").expect("a Cache-Status").to_owned();
        assert!(status.contains("detail=no-entry") && !status.contains("stored"), "{status}");
        if begins_with == "sh" {
            client.body_so_far(begins_with).await;
        }
        gate.open();
        client.response().await.status(200);
        scenario.admitted("stored", 1.0).await;
        scenario.get("/p").await.hit();
    }
}

#[tokio::test]
async fn followers_do_not_say_stored() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let gate = Barrier::new();
    scenario.origin.on("/p", reply(200).length(5).body("sho").wait(&gate).body("rt"));
    let mut leader = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    let mut follower = scenario.begin(&get("/p")).await;
    follower.head().await;
    gate.open();
    follower.response().await.body("short").says("collapsed").does_not_say("stored");
    leader.response().await.body("short");
}

#[tokio::test]
async fn a_refusal_that_is_found_while_the_head_waits_is_its_reason() {
    let json = || reply(200).header("Content-Type", "application/json");
    for (keys, answer, status, reason) in [
        ("tags_from_body = [\"$.sku\"]", json().body("no json"), 200, "body-tags-unreadable"),
        (
            "tags_from_body = [\"$.sku\"]",
            at_once("Content-Type: application/json\r\n", "no json", "0\r\n\r\n"),
            200,
            "body-tags-unreadable",
        ),
        ("max_body = \"1KiB\"", at_once("", &"x".repeat(2048), "0\r\n\r\n"), 200, "body-too-large"),
        ("max_body = \"1KiB\"", reply(200).body("x".repeat(2048)), 200, "body-too-large"),
        ("", reply(200).length(10).body("short").cut(), 200, "body-truncated"),
        ("", at_once("", "short", ""), 200, "body-truncated"),
        ("", reply(200).header("Cache-Control", "no-store").body("p"), 200, "response-no-store"),
        ("", reply(200).header("Set-Cookie", "a=b").body("p"), 200, "set-cookie"),
        ("", reply(404).body("p"), 404, "status-without-ttl"),
        ("", reply(500).body("p"), 500, "status-without-ttl"),
    ] {
        let scenario = Setup::route(&format!("ttl = \"1m\"\n{keys}")).start().await;
        scenario.origin.on("/p", answer);
        scenario.get("/p").await.status(status).detail(reason).does_not_say("stored");
        scenario.admitted(reason, 1.0).await;
        assert_eq!(scenario.last_refusal().await.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn a_refusal_that_is_found_after_the_head_is_counted_and_explained() {
    let long = "x".repeat(MEBIBYTE);
    for (keys, last, reason) in [
        ("", "", "overtaken-by-purge"),
        ("max_body = \"1025KiB\"", "yyyyyyyyyy", "body-too-large"),
        ("tags_from_body = [\"$.sku\"]", "", "body-tags-unreadable"),
    ] {
        let scenario = Setup::route(&format!("ttl = \"1m\"\n{keys}")).start().await;
        let gate = Barrier::new();
        let end = last.repeat(1024);
        scenario.origin.on("/p", reply(200).chunked().body(&long).wait(&gate).body("end").body(end));
        let mut client = scenario.begin(&get("/p")).await;
        client.head().await;
        if reason == "overtaken-by-purge" {
            scenario.purge(r#"{"all": true}"#).await;
        }
        gate.open();
        client.response().await.status(200).does_not_say("stored").detail("no-entry");
        scenario.admitted(reason, 1.0).await;
        assert_eq!(scenario.last_refusal().await.as_deref(), Some(reason));
        scenario.get("/p").await.not_a_hit();
    }
}

#[tokio::test]
async fn what_a_304_confirms_is_counted_too_with_the_reason_where_it_may_not_be_kept() {
    let stale = || reply(200).header("ETag", "\"a\"").header("Cache-Control", "max-age=1").header("Age", "5").body("p");
    for (name, value, reason) in [
        ("Cache-Control", "max-age=60", None),
        ("Cache-Control", "no-store", Some("response-no-store")),
        ("Set-Cookie", "a=b", Some("set-cookie")),
    ] {
        let scenario = Setup::route("").start().await;
        scenario.origin.on_each("/p", [stale(), reply(304).header("ETag", "\"a\"").header(name, value)]);
        scenario.get("/p").await.says("stored");
        scenario.get("/p").await.body("p").says("fwd-status=304").detail(reason.unwrap_or("expired"));
        scenario.admitted(reason.unwrap_or("stored"), if reason.is_some() { 1.0 } else { 2.0 }).await;
        assert_eq!(scenario.last_refusal().await.as_deref(), reason);
    }
}

#[tokio::test]
async fn what_is_stored_after_all_is_no_refusal_any_more_and_a_head_is_none() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let refused = reply(200).header("Cache-Control", "no-store").body("p");
    scenario.origin.on_each("/p", [refused, reply(200), reply(200).body("p")]);
    scenario.get("/p").await.detail("response-no-store");
    assert_eq!(scenario.last_refusal().await.as_deref(), Some("response-no-store"));
    scenario.fetch(&head("/p")).await.detail("method-not-storable");
    assert_eq!(scenario.last_refusal().await.as_deref(), Some("response-no-store"));
    scenario.get("/p").await.says("stored");
    assert_eq!(scenario.last_refusal().await, None);
}

#[tokio::test]
async fn an_answer_to_post_that_is_kept_for_gets_is_counted() {
    let scenario = Setup::route("ttl = \"1m\"").start().await;
    let answer = reply(200).header("Content-Location", "/p").header("Cache-Control", "max-age=60").body("p");
    scenario.origin.on("/p", answer);
    scenario.fetch(&post("/p", "x")).await.status(200).does_not_say("stored");
    scenario.admitted("stored", 1.0).await;
    scenario.get("/p").await.hit();
}

#[tokio::test]
async fn a_line_of_a_client_that_left_tells_what_came_of_storing_after_it() {
    type Ends = fn(Reply, &Barrier) -> Reply;
    let rows: [(Ends, &str); 2] = [
        (|begun, gate| begun.wait(gate).body("ended"), "stored"),
        (|begun, gate| begun.wait(gate).cut(), "body-truncated"),
    ];
    for (ends, expected) in rows {
        let (origin, gate) = (crate::support::origin::Origin::start().await, Barrier::new());
        origin.on("/p", ends(reply(200).length(11).body("begun "), &gate));
        let section = "[log]\nformat = \"json\"";
        let mut served = Setup::route("ttl = \"1m\"").before(origin.address).section(section).serve().await;
        let mut client = crate::support::client::Client::connect(served.data_address).await;
        client.send(&get("/p")).await;
        client.body_so_far("begun ").await;
        client.reset();
        let counted = r#"larder_request_reasons_total{route="all",outcome="miss",reason="no-entry"} 1"#;
        within("the end of the request", async {
            while !served.admin(get("/metrics")).await.text().contains(counted) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        gate.open();
        let line = served.next_printed().await;
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(line["admission"], expected, "{line}");
    }
}

#[tokio::test]
async fn each_line_of_the_log_tells_what_came_of_storing() {
    let long = "x".repeat(MEBIBYTE);
    for (answer, requests) in [
        (reply(200).body("p"), &[Some("stored"), None][..]),
        (reply(200).chunked().body(&long), &[Some("stored"), None]),
        (reply(200).length(10).body("short").cut(), &[Some("body-truncated")]),
        (reply(200).header("Cache-Control", "no-store").body(&long), &[Some("response-no-store")]),
        (reply(200).header("Content-Type", "application/json").body(&long), &[Some("body-tags-unreadable")]),
    ] {
        let origin = crate::support::origin::Origin::start().await;
        origin.on("/p", answer);
        let keys = "ttl = \"1m\"\ncompress = true\ntags_from_body = [\"$.sku\"]";
        let keys = if requests[0] == Some("body-tags-unreadable") { keys } else { "ttl = \"1m\"\ncompress = true" };
        for format in ["json", "text"] {
            let section = format!("[log]\nformat = \"{format}\"");
            let mut served = Setup::route(keys).before(origin.address).section(&section).serve().await;
            for expected in requests {
                served.get("/p").await;
                let line = served.next_printed().await;
                let told = match format {
                    "json" => serde_json::from_str::<Value>(&line).unwrap()["admission"].as_str().map(str::to_owned),
                    _ => line.split_once("admission=").map(|(_, label)| label.trim_end().to_owned()),
                };
                assert_eq!(told.as_deref(), *expected, "{line}");
            }
        }
    }
}
