//! What may be silent for long: event streams, upgraded connections, long polls.

use crate::support::reply::Reply;
use crate::support::{Barrier, Request, Scenario, Setup, get, post, reply};

const SHORT: &str = "read_timeout = \"60ms\"";
const SHORT_TOO: &str = "[timeouts]\nidle = \"100ms\"\nstall = \"100ms\"\nheader_read = \"100ms\"";

async fn started(rules: &str) -> (Scenario, Barrier) {
    let never = Barrier::new();
    let scenario = Setup::rules(rules).upstream(SHORT).section(SHORT_TOO).start().await;
    scenario.origin.on("/hangs", reply(0).hold(&never));
    (scenario, never)
}

/// Longer than all of these timeouts: requests that run into them, one after another.
async fn time_passes(scenario: &Scenario) {
    for _ in 0..3 {
        scenario.get("/hangs").await.problem(504);
    }
}

fn event_stream(gate: &Barrier) -> Reply {
    let events = reply(200).header("Content-Type", "text/event-stream").header("Cache-Control", "no-store").chunked();
    events.body("data: 1\n\n").wait(gate).body("data: 2\n\n")
}

/// Further rules, a request, and the stream that answers it.
type Row = (&'static str, Request, fn(&Barrier) -> Reply);

#[tokio::test]
async fn an_event_stream_that_nobody_shares_is_not_cut_for_being_silent() {
    let cached = "[[route]]\npath = \"/events\"\nttl = \"1m\"\ncookies = []";
    let rows: [Row; 5] = [
        ("", get("/events"), event_stream),
        ("", post("/events", "question"), event_stream),
        ("[[route]]\npath = \"/events\"\ncache = false", get("/events"), event_stream),
        (cached, get("/events"), event_stream),
        ("", get("/events"), |gate| {
            reply(200).header("X-Accel-Buffering", "no").chunked().body("data: 1\n\n").wait(gate).body("data: 2\n\n")
        }),
    ];
    for (rules, asked, answer) in rows {
        let (scenario, _never) = started(rules).await;
        let gate = Barrier::new();
        scenario.origin.on("/events", answer(&gate));
        let mut client = scenario.begin(&asked).await;
        client.body_so_far("data: 1\n\n").await;
        time_passes(&scenario).await;
        gate.open();
        client.response().await.body("data: 1\n\ndata: 2\n\n");
    }
}

#[tokio::test]
async fn a_body_that_is_no_event_stream_or_is_shared_is_cut_where_the_origin_falls_silent() {
    let shared = "[[route]]\npath = \"/p\"\nttl = \"1m\"\ncookies = []";
    let events = |reply: Reply| reply.header("Content-Type", "text/event-stream").chunked();
    for (rules, answer) in [("", reply(200).chunked()), ("", reply(200).length(9)), (shared, events(reply(200)))] {
        let (scenario, never) = started(rules).await;
        scenario.origin.on("/p", answer.body("begun").wait(&never));
        scenario.get("/p").await.truncated();
    }
}

#[tokio::test]
async fn an_upgraded_connection_may_be_silent() {
    let (scenario, _never) = started("").await;
    let accept = reply(101).header("Upgrade", "websocket").header("Connection", "Upgrade");
    scenario.origin.on("/socket", accept.echo());
    let upgrade = get("/socket").header("Connection", "Upgrade").header("Upgrade", "websocket");
    let mut client = scenario.begin(&upgrade).await;
    client.response().await.status(101);
    for _ in 0..2 {
        time_passes(&scenario).await;
        client.send_raw(b"\x81\x85abcdefghi").await;
        assert_eq!(client.bytes().await.as_deref(), Some(b"\x81\x85abcdefghi".as_slice()));
    }
}

#[tokio::test]
async fn a_route_says_how_long_its_origin_may_be_silent() {
    let patient = "read_timeout = \"5m\"";
    for (keys, asked) in [
        ("cache = false", get("/poll")),
        ("ttl = \"1m\"\ncookies = []", get("/poll")),
        ("ttl = \"1m\"\ncookies = []", post("/poll", "question")),
    ] {
        let (scenario, _never) = started(&format!("[[route]]\npath = \"/poll\"\n{keys}\n{patient}")).await;
        let (head, rest) = (Barrier::new(), Barrier::new());
        scenario.origin.on("/poll", reply(200).hold(&head).chunked().body("some ").wait(&rest).body("news"));
        let mut client = scenario.begin(&asked).await;
        time_passes(&scenario).await;
        head.open();
        client.body_so_far("some ").await;
        time_passes(&scenario).await;
        rest.open();
        client.response().await.status(200).body("some news");
    }
}

#[tokio::test]
async fn a_route_may_be_less_patient_than_the_others() {
    let rules = "[[route]]\npath = \"/quick\"\ncache = false\nread_timeout = \"50ms\"";
    let scenario = Setup::rules(rules).start().await;
    let never = Barrier::new();
    scenario.origin.on("/quick", reply(200).hold(&never));
    scenario.get("/quick").await.problem(504);
}
