//! What is kept of decisions, what viewers get, what is counted.

use super::kept::{Kept, Row};
use super::record::write;
use super::standing::{Bounds, Measure};
use super::tally::Tally;
use super::top::{Top, Wanted, What};
use super::view::View;
use super::viewers::{Filter, VIEWERS_MAX, Viewers};
use super::windows::Window;
use crate::clock::Timestamp;
use crate::engine::exchange::Exchanged;
use crate::engine::outcome::{Decision, Outcome};
use crate::engine::storing::{StoreOutcome, Storing};
use crate::proxy::observer::{Ending, Finished};
use crate::proxy::refusal::Refusal;
use crate::proxy::request_id::RequestId;
use crate::rules::RuleSet;
use crate::scope::RouteName;
use crate::semantics::cache_status::{CacheStatus, Forward};
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

fn hit(target: &str) -> Finished {
    Finished {
        request_id: RequestId::Made(7),
        client: "192.0.2.7".parse().unwrap(),
        peer: "10.0.0.1:5000".parse().unwrap(),
        said_id: None,
        said_trace: None,
        user_agent: None,
        method: Method::GET,
        target: target.parse().unwrap(),
        host: Some(HeaderValue::from_static("shop")),
        version: Version::HTTP_11,
        status: Some(StatusCode::OK),
        decision: Some(Decision {
            outcome: Outcome::Hit,
            reason: Reason::Fresh,
            route: Some(RouteName::new("product")),
            cache_status: Some(CacheStatus { ttl_secs: Some(-3), ..CacheStatus::HIT }),
            storing: None,
        }),
        refused: None,
        cause: None,
        age_secs: Some(5),
        upstream_id: None,
        exchanged: None,
        traced: None,
        body_bytes: 1024,
        duration: Duration::from_micros(1_042),
        ended: tokio::time::Instant::now(),
        ending: Ending::Complete,
    }
}

/// These in one row.
fn row<'a>(all: impl IntoIterator<Item = &'a Finished>) -> Arc<Row> {
    let (kept, mut bytes, mut decisions) = (Kept::default(), Vec::new(), 0);
    for finished in all {
        write(finished, Instant::now(), &mut bytes);
        decisions += 1;
    }
    kept.push(bytes, decisions);
    kept.since(0).0.remove(0)
}

fn shown(finished: &Finished) -> serde_json::Value {
    let row = row([finished]);
    let view = View::all(&row.bytes).next().unwrap();
    serde_json::to_value(view.shown(Timestamp::from_secs(1_000))).unwrap()
}

#[test]
fn what_is_kept_is_what_was_told() {
    let mut miss = hit("/p/1?q=a");
    miss.method = Method::HEAD;
    miss.version = Version::HTTP_2;
    miss.client = "2001:db8::1".parse().unwrap();
    miss.request_id = RequestId::Given(HeaderValue::from_static("edge-1"));
    miss.exchanged = Some(Exchanged { server: "api:80".into(), took: Duration::from_millis(40), tries: 2 });
    miss.cause = Some("it broke".into());
    miss.ending = Ending::Truncated;
    miss.age_secs = None;
    miss.decision = Some(Decision {
        outcome: Outcome::Miss,
        reason: Reason::NoEntry,
        route: None,
        cache_status: Some(CacheStatus {
            forward: Some(Forward::VaryMiss),
            forward_status: Some(304),
            stored: true,
            collapsed: true,
            ttl_secs: None,
            detail: Some(Reason::NoEntry),
        }),
        storing: Some(Storing::Known(StoreOutcome::Refused(Reason::BodyTruncated))),
    });
    let mut refused = hit("/");
    refused.decision = None;
    refused.status = Some(StatusCode::BAD_REQUEST);
    refused.refused = Some((Refusal::HostRepeated, "GET / HTTP/1.1".into()));
    let mut left = hit("/");
    (left.decision, left.status, left.ending) = (None, None, Ending::ClientGone);
    let long = hit(&format!("/{}", "x".repeat(5_000)));
    for (finished, expected) in [
        (
            hit("/p/1"),
            serde_json::json!({"time": "1970-01-01T00:16:40.000Z", "request_id": format!("{:032x}", 7), "client": "192.0.2.7",
            "method": "GET", "host": "shop", "target": "/p/1", "version": "HTTP/1.1", "status": 200, "body_bytes": 1024,
            "duration_us": 1042, "outcome": "hit", "reason": "fresh", "route": "product", "ending": "complete", "age": 5,
            "cache_status": "larder; hit; ttl=-3"}),
        ),
        (
            miss,
            serde_json::json!({"time": "1970-01-01T00:16:40.000Z", "request_id": "edge-1", "client": "2001:db8::1",
            "method": "HEAD", "host": "shop", "target": "/p/1?q=a", "version": "HTTP/2.0", "status": 200, "body_bytes": 1024,
            "duration_us": 1042, "outcome": "miss", "reason": "no-entry", "route": null, "ending": "truncated",
            "cache_status": "larder; fwd=vary-miss; fwd-status=304; stored; collapsed; detail=no-entry",
            "admission": "body-truncated", "upstream": "api:80", "upstream_us": 40_000, "upstream_tries": 2, "cause": "it broke"}),
        ),
    ] {
        assert_eq!(shown(&finished), expected);
    }
    let refused = shown(&refused);
    assert_eq!((&refused["outcome"], &refused["reason"]), (&"error".into(), &"host-repeated".into()), "{refused}");
    assert_eq!(refused["first_line"], "GET / HTTP/1.1", "{refused}");
    let left = shown(&left);
    assert_eq!((&left["status"], &left["reason"]), (&serde_json::Value::Null, &"client-gone".into()), "{left}");
    let long = shown(&long);
    assert_eq!((&long["cut"], long["target"].as_str().map(str::len)), (&true.into(), Some(1_024)));
}

fn all() -> Filter {
    Filter { route: None, outcomes: Vec::new(), min_duration: Duration::ZERO, share: 1.0 }
}

fn text_of(chunks: &mut Receiver<Bytes>) -> String {
    let mut text = String::new();
    while let Ok(chunk) = chunks.try_recv() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    text
}

#[test]
fn a_viewer_that_reads_slowly_loses_events_and_learns_how_many() {
    let viewers = Viewers::default();
    let mut chunks = viewers.watch(all()).unwrap();
    let row = row(&[hit("/p/1"), hit("/p/2")]);
    let show = |times| (0..times).for_each(|_| viewers.show(&[Arc::clone(&row)], 0, |_| Timestamp::EPOCH));
    // The first chunk says that it watches; seven more wait, and the rest is lost.
    show(100);
    let text = text_of(&mut chunks);
    assert_eq!(text.matches("data: {\"time\"").count(), 14, "{text}");
    show(1);
    let text = text_of(&mut chunks);
    assert!(text.starts_with("event: lost\ndata: {\"decisions\":186}\n\n"), "{text}");
    assert_eq!((text.matches("data: {\"time\"").count(), viewers.lost()), (2, 186));
    viewers.show(&[row], 10_000, |_| Timestamp::EPOCH);
    assert!(text_of(&mut chunks).contains("{\"decisions\":10000}"), "what nobody has seen");
}

#[test]
fn viewers_share_what_can_be_shown_and_are_so_many_at_most() {
    let viewers = Viewers::default();
    let mut watching: Vec<_> = (0..VIEWERS_MAX).map(|_| viewers.watch(all()).unwrap()).collect();
    assert!(viewers.watch(all()).is_none());
    let hits: Vec<Finished> = (0..1_000).map(|_| hit("/p/1")).collect();
    viewers.show(&[row(&hits)], 0, |_| Timestamp::EPOCH);
    for chunks in &mut watching {
        let text = text_of(chunks);
        assert_eq!(text.matches("data: {\"time\"").count(), 10);
        assert!(text.contains("{\"decisions\":990}"), "{text}");
    }
    watching.pop();
    assert!(viewers.watch(all()).is_some(), "the place of who has left is free");
}

#[test]
fn where_only_a_share_is_looked_at_the_numbers_hold_within_their_error() {
    let (mut tally, rules) = (Tally::default(), Arc::new(RuleSet::new(Vec::new()).unwrap()));
    let now = Timestamp::from_secs(1_000);
    let mut miss = hit("/p/miss");
    let Some(decision) = &mut miss.decision else { unreachable!("a hit is decided") };
    decision.outcome = Outcome::Miss;
    miss.exchanged = Some(Exchanged { server: "api:80".into(), took: Duration::from_millis(1), tries: 1 });
    // Of 10,000 decisions a turn three quarters are hits of one key, and one is a miss.
    let mut turn: Vec<Finished> = (0..9_999).map(|n| hit(if n % 4 == 0 { "/p/2" } else { "/p/1" })).collect();
    turn.push(miss);
    let row = row(&turn);
    for _ in 0..10 {
        // As many again were lost before they could be seen.
        tally.count(&[Arc::clone(&row)], 10_000, &rules, now);
    }
    let (counts, _) = tally.read(Window::Minute, now);
    let wanted = Wanted { what: What::Keys, by: Measure::Requests, route: None, limit: 10 };
    let top = Top::of(&counts, &wanted, Duration::from_mins(1));
    assert_eq!(top.decisions, 200_000);
    assert!(top.looked_at < 25_000, "{}", top.looked_at);
    for (target, requests) in [("/p/1", 150_000), ("/p/2", 50_000)] {
        let ranked = top.ranked.iter().find(|ranked| *ranked.key.text == *target).unwrap();
        let Bounds { at_least, at_most } = ranked.amounts[Measure::Requests as usize];
        // Twice as wide as the two deviations, so that chance fails this test less than once in ten thousand times.
        let width = at_most - at_least;
        assert!(at_least.saturating_sub(width) <= requests && requests <= at_most + width, "{target}: {ranked:?}");
        assert!(width < requests / 5, "{target}: {ranked:?}");
    }
    let missed = top.ranked.iter().find(|ranked| *ranked.key.text == *"/p/miss").unwrap();
    assert!(missed.amounts[Measure::UpstreamMicros as usize].at_most >= 20_000, "{missed:?}");
}
