//! What a running instance logs: one line for each request on standard output, and what it says of itself on standard
//! error, both in one shape.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Barrier, Setup, get, reply};
use serde::Deserialize;

/// What every line of a JSON log says, whether of a request or of the instance.
#[derive(Debug, Deserialize)]
struct Line {
    time: String,
    level: String,
    message: String,
    request_id: Option<String>,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

impl Line {
    fn read(text: &str) -> Self {
        let line: Self = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let is_utc = line.time.len() == "2024-02-29T12:34:56.789Z".len() && line.time.ends_with('Z');
        assert!(is_utc, "{text}");
        line
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.more.get(name)?.as_u64()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.more.get(name)?.as_str()
    }
}

#[tokio::test]
async fn lines_of_requests_and_of_the_instance_have_one_shape() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let mut served =
        Setup::route("ttl = \"1m\"").before(origin.address).section("[log]\nformat = \"json\"").serve().await;
    std::fs::write(served.folder().join("rules.toml"), "[[route]]\nnonsense").expect("the file is there");
    served.signal(rustix::process::Signal::HUP);
    within("the error", async {
        while !served.log().contains("the rules in force stay") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    served.get("/p").await.status(200);
    let of_request = Line::read(&served.next_printed().await);
    assert_eq!((of_request.level.as_str(), of_request.message.as_str()), ("INFO", "request"));
    assert_eq!(of_request.request_id.map(|id| id.len()), Some(32));
    let log = served.log();
    let of_instance: Vec<Line> = log.lines().map(Line::read).collect();
    assert!(of_instance.iter().any(|line| line.level == "ERROR" || line.level == "WARN"), "{log}");
    assert!(of_instance.iter().all(|line| !line.message.is_empty() && line.text("module").is_some()), "{log}");
}

#[tokio::test]
async fn a_request_names_the_client_and_the_proxy_that_it_came_through_on_every_road() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let setup = Setup::route("ttl = \"1m\"").before(origin.address).section("[log]\nformat = \"json\"");
    let mut served = setup.listen("trusted_proxies = [\"127.0.0.1\"]").serve().await;
    let asked = get("/p").header("X-Forwarded-For", "6.6.6.6, 203.0.113.7").header("X-Request-Id", "edge-1");
    // A miss, a hit that is read from the buffer, and one that is not.
    for asked in [asked.clone(), asked.clone(), asked.clone().header("Range", "bytes=0-0")] {
        served.fetch(&asked.header("User-Agent", "a browser")).await;
        let line = Line::read(&served.next_printed().await);
        assert_eq!(line.text("client"), Some("203.0.113.7"), "{line:?}");
        assert!(line.text("peer").is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line:?}");
        assert_eq!((line.request_id.as_deref(), line.text("user_agent")), (Some("edge-1"), Some("a browser")));
    }
}

#[tokio::test]
async fn a_request_names_the_trace_that_it_came_with_on_every_road() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let mut served =
        Setup::route("ttl = \"1m\"").before(origin.address).section("[log]\nformat = \"json\"").serve().await;
    // A miss, a hit that is read from the buffer, and one that is not.
    for asked in [get("/p"), get("/p"), get("/p").header("Range", "bytes=0-0")] {
        for (said, logged) in [(Some(TRACE), Some(TRACE)), (Some("00-none"), None), (None, None)] {
            let asked = said.map_or_else(|| asked.clone(), |said| asked.clone().header("traceparent", said));
            served.fetch(&asked).await;
            let line = Line::read(&served.next_printed().await);
            assert_eq!(line.text("traceparent"), logged, "{line:?}");
        }
    }
    let twice = get("/p").header("traceparent", TRACE).header("traceparent", TRACE);
    served.fetch(&twice).await;
    let line = Line::read(&served.next_printed().await);
    assert_eq!(line.text("traceparent"), None, "two lines name no trace: {line:?}");
}

#[tokio::test]
async fn a_request_names_the_server_that_answered_the_time_there_and_the_tries() {
    // Servers are asked in the order of their addresses.
    let (one, other) = (Origin::start().await, Origin::start().await);
    let (good, bad) = if one.address < other.address { (one, other) } else { (other, one) };
    good.on("/p", reply(200).body("p"));
    bad.on("/p", reply(503));
    let folder = Setup::route("ttl = \"1m\"").before(good.address).section("[log]\nformat = \"json\"").folder();
    let path = folder.path().join("proxy.toml");
    let text = std::fs::read_to_string(&path).expect("the file is there");
    let both = format!("servers = [\"http://{}\", \"http://{}\"]", good.address, bad.address);
    let text: Vec<_> = text.lines().map(|line| if line.starts_with("servers") { &both } else { line }).collect();
    std::fs::write(&path, text.join("\n")).expect("the file is there");
    let mut served = Served::start(folder).await;

    let mut tries = Vec::new();
    for target in ["/p?1", "/p?2"] {
        served.get(target).await.status(200).body("p");
        let line = Line::read(&served.next_printed().await);
        assert_eq!(line.text("outcome"), Some("miss"), "{line:?}");
        assert_eq!(line.text("upstream"), Some(good.address.to_string().as_str()), "{line:?}");
        assert!(line.number("upstream_us") <= line.number("duration_us"), "{line:?}");
        tries.push(line.number("upstream_tries"));
    }
    tries.sort();
    assert_eq!(tries, [Some(1), Some(2)], "each server was the first to be asked once");
    served.fetch(&get("/p?1")).await.hit();
    let hit = Line::read(&served.next_printed().await);
    for name in ["upstream", "upstream_us", "upstream_tries"] {
        assert!(!hit.more.contains_key(name), "nobody was asked: {hit:?}");
    }
}

#[tokio::test]
async fn what_passes_names_its_server_and_so_does_a_failure() {
    let origin = Origin::start().await;
    let address = origin.address.to_string();
    origin.on_each("/p", [reply(200).body("p"), reply(200).reset()]);
    let mut served =
        Setup::route("cache = false").before(origin.address).section("[log]\nformat = \"json\"").serve().await;
    for (status, outcome) in [(200, "pass"), (502, "error")] {
        served.fetch(&crate::support::post("/p", "body")).await.status(status);
        let line = Line::read(&served.next_printed().await);
        assert_eq!((line.number("status"), line.text("outcome")), (Some(status.into()), Some(outcome)));
        assert_eq!(line.text("upstream"), Some(address.as_str()), "{line:?}");
    }
}

#[tokio::test]
async fn a_full_table_of_connections_is_logged_and_counted() {
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("p"));
    let gate = Barrier::new();
    origin.on("/slow", reply(200).hold(&gate).body("slow"));
    let served =
        Setup::route("cache = false").before(origin.address).section("[limits]\nconnections = 1").serve().await;
    let _silent = Client::connect(served.data_address).await;
    served.get("/p").await.status(200);
    assert!(served.log().contains("have been idle longest make room"), "{}", served.log());
    let closed = "larder_connections_closed_for_room_total";
    within("the end of the silent one", async { while served.metric(closed).await < 1.0 {} }).await;

    let mut busy = Client::connect(served.data_address).await;
    busy.send(&get("/slow")).await;
    gate.reached_by(1).await;
    let mut waits = Client::connect(served.data_address).await;
    waits.send(&get("/p")).await;
    within("the wait", async { while served.metric("larder_connections_waited_total").await < 1.0 {} }).await;
    gate.open();
    busy.response().await.body("slow");
    waits.response().await.body("p");
}
