//! A hard purge forbids the validation of what it hit, whatever had been decided about it before.

use crate::support::origin::Seen;
use crate::support::reply::Reply;
use crate::support::{Barrier, Scenario, Setup, get, reply};

const SOFT: &str = r#"{"tags": ["all"], "soft": true}"#;
const HARD: &str = r#"{"tags": ["all"]}"#;

/// An origin that confirms whatever it is asked to, and has something newer for who asks for the whole.
fn confirming(seen: &Seen) -> Reply {
    let tagged = |status| reply(status).header("ETag", "\"1\"").header("Cache-Control", "max-age=60");
    if seen.value("If-None-Match").is_some() { tagged(304) } else { tagged(200).body("whole") }
}

fn stale() -> Reply {
    reply(200)
        .header("ETag", "\"1\"")
        .header("Cache-Control", "max-age=1, stale-if-error=600")
        .header("Age", "5")
        .body("old")
}

async fn with_stale(route: &str) -> Scenario {
    let scenario = Setup::route(&format!("tags = [\"all\"]\n{route}")).start().await;
    scenario.origin.on("/p", stale());
    scenario.get("/p").await.body("old");
    scenario
}

#[tokio::test]
async fn refreshes_that_wait_their_turn_after_a_soft_purge_fetch_whole_what_a_hard_one_took_meanwhile() {
    let refresh = "[refresh]\nafter_purge = 0\nconcurrent = 1";
    let scenario = Setup::route("ttl = \"1m\"\ntags = [\"all\"]").section(refresh).start().await;
    for (nth, path) in ["/a", "/b", "/c"].into_iter().enumerate() {
        scenario.origin.on(path, reply(200).header("ETag", "\"1\"").body("old"));
        for _ in 0..4 + nth {
            scenario.get(path).await.status(200);
        }
    }
    let gate = Barrier::new();
    let held = gate.clone();
    scenario.origin.on_request("/c", move |seen| confirming(seen).hold(&held));
    for path in ["/a", "/b"] {
        scenario.origin.on_request(path, confirming);
    }
    scenario.purge(SOFT).await;
    gate.reached_by(1).await;
    scenario.purge(HARD).await;
    gate.open();
    for path in ["/a", "/b", "/c"] {
        scenario.until("a whole answer", &get(path), crate::support::expect::Response::is_hit).await.body("whole");
    }
    for path in ["/a", "/b"] {
        for seen in &scenario.origin.requests(path)[1..] {
            assert_eq!(seen.value("If-None-Match"), None, "{path}");
        }
    }
}

#[tokio::test]
async fn a_304_that_comes_after_a_hard_purge_confirms_nothing() {
    let scenario = with_stale("").await;
    let gate = Barrier::new();
    let held = gate.clone();
    scenario.origin.on_request("/p", move |seen| match seen.value("If-None-Match") {
        Some(_) => confirming(seen).hold(&held),
        None => confirming(seen),
    });
    let mut validating = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    scenario.purge(HARD).await;
    gate.open();
    validating.response().await.status(200).body("whole");
    scenario.get("/p").await.hit().body("whole");
}

#[tokio::test]
async fn a_failure_that_comes_after_a_hard_purge_is_not_answered_with_what_it_took() {
    for answer in [reply(200).cut(), reply(503)] {
        let scenario = with_stale("stale_if_error = \"1h\"").await;
        let gate = Barrier::new();
        scenario.origin.on("/p", answer.hold(&gate));
        let mut validating = scenario.begin(&get("/p")).await;
        gate.reached_by(1).await;
        scenario.purge(HARD).await;
        gate.open();
        let after = validating.response().await;
        assert!(after.status >= 500, "{after}");
    }
}

#[tokio::test]
async fn a_follower_whose_wait_ends_after_a_hard_purge_fetches_the_whole() {
    let scenario = Setup::route("tags = [\"all\"]\ncoalesce_wait = \"3s\"").start().await;
    scenario.origin.on_request("/p", confirming);
    scenario.get("/p").await.body("whole");
    scenario.purge(SOFT).await;
    let gate = Barrier::new();
    let held = gate.clone();
    let first = std::sync::atomic::AtomicBool::new(true);
    scenario.origin.on_request("/p", move |seen| {
        if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            confirming(seen).hold(&held)
        } else {
            confirming(seen)
        }
    });
    let _leader = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    let mut follower = scenario.begin(&get("/p")).await;
    // Whoever comes on this connection after it has been joined.
    scenario.get("/elsewhere").await;
    scenario.purge(HARD).await;
    follower.response().await.status(200).body("whole");
    let seen = scenario.origin.requests("/p");
    assert_eq!(seen.last().and_then(|seen| seen.value("If-None-Match")), None);
}

#[tokio::test]
async fn a_part_that_a_hard_purge_took_is_not_completed() {
    let scenario = Setup::route("tags = [\"all\"]").start().await;
    let part = |range: &str, body: &str| {
        let head = reply(206).header("ETag", "\"1\"").header("Cache-Control", "max-age=60");
        head.header("Content-Range", range).body(body)
    };
    let gate = Barrier::new();
    let new = reply(200).header("Cache-Control", "max-age=60").body("new");
    let rest = part("bytes 5-9/10", "56789").hold(&gate);
    scenario.origin.on_each("/p", [part("bytes 0-4/10", "01234"), rest, new]);
    scenario.fetch(&get("/p").header("Range", "bytes=0-4")).await.status(206);
    let mut completing = scenario.begin(&get("/p")).await;
    gate.reached_by(1).await;
    scenario.purge(HARD).await;
    gate.open();
    completing.response().await.status(200).body("new");
}
