//! Traces: what a collector is told of requests, what the origin is told of their trace, and what happens where no
//! collector takes them.

use crate::support::collector::{Collector, said};
use crate::support::deadline::within;
use crate::support::{Barrier, Scenario, Setup, get, reply, request};
use opentelemetry_proto::tonic::trace::v1::Span;

const RULES: &str = "[[route]]\nname = \"product\"\npath = \"/p/{id}\"\nttl = \"1m\"\n";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER: &str = "00f067aa0ba902b7";
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A server's and a client's span: kinds 2 and 3.
fn of_kind(spans: &[Span], kind: i32) -> Vec<&Span> {
    spans.iter().filter(|span| span.kind == kind).collect()
}

/// The one span of a request with this outcome.
fn with_outcome<'a>(spans: &'a [Span], outcome: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| said(span, "larder.outcome") == outcome);
    let span = found.next().unwrap_or_else(|| panic!("no span of a {outcome}: {spans:?}"));
    assert!(found.next().is_none(), "one {outcome}");
    span
}

async fn traced(collector: &Collector, sample: &str, listen: &str) -> Scenario {
    let scenario = Setup::rules(RULES).listen(listen).section(&collector.section(sample)).start().await;
    scenario.origin.on("/p/1", reply(200).body("one"));
    scenario.origin.on("/p/2", reply(503).header("Cache-Control", "no-store").body("no"));
    scenario.origin.on("/other", reply(200).body("passed"));
    scenario
}

/// The trace and the span that the origin was told of.
fn told(scenario: &Scenario, path: &str) -> Option<(String, String, String)> {
    let seen = scenario.origin.only_request(path);
    let parts: Vec<_> = seen.value("traceparent")?.split('-').map(str::to_owned).collect();
    let [version, trace, span, flags] = <[String; 4]>::try_from(parts).expect("four parts");
    assert_eq!(version, "00");
    Some((trace, span, flags))
}

#[tokio::test]
async fn a_request_has_a_span_and_its_exchange_with_the_origin_another() {
    let collector = Collector::start("0").await;
    let scenario = traced(&collector, "100%", "").await;
    let missed = scenario.get("/p/1?secret=1").await;
    let hit = scenario.get("/p/1?secret=1").await;
    let failed = scenario.get("/p/2").await;
    scenario.get("/other").await.status(200);
    // Four requests; three of them asked the origin.
    let spans = collector.some(7).await;
    let (served, asked) = (of_kind(&spans, 2), of_kind(&spans, 3));
    assert_eq!((served.len(), asked.len()), (4, 3), "{spans:?}");

    let miss =
        spans.iter().find(|span| said(span, "larder.request_id") == missed.value("X-Request-Id").unwrap()).unwrap();
    assert_eq!(hex(&miss.trace_id), missed.value("X-Request-Id").unwrap(), "a trace has its first request's number");
    assert_eq!(miss.name, "GET product");
    assert!(miss.parent_span_id.is_empty(), "the trace begins here");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/p/1"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("larder.route", "product"),
        ("larder.outcome", "miss"),
        ("larder.reason", "no-entry"),
        ("error.type", ""),
    ] {
        assert_eq!(said(miss, key), value, "{key}");
    }
    let exchange = asked.iter().find(|span| span.trace_id == miss.trace_id).expect("its exchange");
    assert_eq!(exchange.parent_span_id, miss.span_id);
    assert_eq!(said(exchange, "server.address"), scenario.origin.address.ip().to_string());
    assert_eq!(said(exchange, "server.port"), scenario.origin.address.port().to_string());
    assert_eq!(said(exchange, "http.response.status_code"), "200");
    assert!(miss.start_time_unix_nano <= exchange.start_time_unix_nano);
    assert!(exchange.end_time_unix_nano <= miss.end_time_unix_nano);
    let (trace, span, flags) = told(&scenario, "/p/1").expect("the origin is told");
    assert_eq!((trace, span, flags.as_str()), (hex(&miss.trace_id), hex(&exchange.span_id), "01"));

    let of_hit =
        spans.iter().find(|span| said(span, "larder.request_id") == hit.value("X-Request-Id").unwrap()).unwrap();
    assert_eq!((said(of_hit, "larder.outcome"), of_hit.name.as_str()), ("hit".to_owned(), "GET product"));
    assert!(!asked.iter().any(|span| span.trace_id == of_hit.trace_id), "nobody was asked");

    let of_failure =
        spans.iter().find(|span| hex(&span.trace_id) == failed.value("X-Request-Id").unwrap() && span.kind == 2);
    let of_failure = of_failure.expect("a span");
    assert_eq!(said(of_failure, "error.type"), "503");
    assert_eq!(of_failure.status.as_ref().map(|status| status.code), Some(2));
    assert_eq!(said(with_outcome(&spans, "pass"), "larder.route"), "");
    // Nothing that belongs to one person.
    assert!(!format!("{spans:?}").contains("secret"));
}

#[tokio::test]
async fn whose_answer_a_request_shares_is_linked() {
    let collector = Collector::start("0").await;
    let scenario = traced(&collector, "100%", "").await;
    let held = Barrier::new();
    scenario.origin.on("/p/3", reply(200).chunked().body("begun ").wait(&held).body("ended"));
    let mut leader = scenario.begin(&get("/p/3")).await;
    leader.body_so_far("begun ").await;
    let mut follower = scenario.begin(&get("/p/3")).await;
    follower.body_so_far("begun ").await;
    held.open();
    leader.response().await.status(200);
    follower.response().await.status(200);
    let spans = collector.some(3).await;
    let exchange = of_kind(&spans, 3)[0];
    let collapsed = with_outcome(&spans, "collapsed");
    assert_eq!(collapsed.links.len(), 1);
    assert_eq!((&collapsed.links[0].trace_id, &collapsed.links[0].span_id), (&exchange.trace_id, &exchange.span_id));
    assert_ne!(collapsed.trace_id, exchange.trace_id);
}

#[tokio::test]
async fn a_trusted_proxy_says_what_is_traced_and_nobody_else() {
    let sent = |flags: &str| get("/other").header("traceparent", &format!("00-{TRACE}-{SENDER}-{flags}"));
    // The share, who is trusted, the sender's flags; whether there is a trace, and whether it is the sender's.
    for (sample, listen, flags, is_traced, is_senders) in [
        ("0%", TRUSTED, "01", true, true),
        ("100%", TRUSTED, "00", false, true),
        ("100%", "", "00", true, false),
        ("100%", "", "01", true, false),
        ("0%", "", "01", false, true),
    ] {
        let row = format!("{sample} {listen} {flags}");
        let collector = Collector::start("0").await;
        let scenario = traced(&collector, sample, listen).await;
        scenario.fetch(&sent(flags).header("tracestate", "vendor=1")).await.status(200);
        let (trace, span, told_flags) = told(&scenario, "/other").expect("it is passed on always");
        let state = scenario.origin.only_request("/other").value("tracestate").map(str::to_owned);
        assert_eq!(trace == TRACE, is_senders, "{row}");
        assert_eq!(state.is_some(), is_senders, "{row}");
        if !is_traced {
            assert_eq!((span.as_str(), told_flags.as_str()), (SENDER, flags), "{row}: as it came");
            scenario.running.stop().await;
            assert_eq!(collector.spans().len(), 0, "{row}");
            continue;
        }
        let spans = collector.some(2).await;
        let served = with_outcome(&spans, "pass");
        let exchange = of_kind(&spans, 3)[0];
        assert_eq!((trace, span), (hex(&served.trace_id), hex(&exchange.span_id)), "{row}");
        if is_senders {
            assert_eq!((hex(&served.parent_span_id).as_str(), served.links.len()), (SENDER, 0), "{row}");
        } else {
            assert_eq!((served.parent_span_id.len(), served.links.len()), (0, 1), "{row}");
            assert_eq!((hex(&served.links[0].trace_id), hex(&served.links[0].span_id)), (TRACE.into(), SENDER.into()));
        }
    }
}

#[tokio::test]
async fn plain_hits_are_traced_as_any_request() {
    let collector = Collector::start("0").await;
    let scenario = traced(&collector, "0%", TRUSTED).await;
    let traced = |n: u32| get("/p/1").header("traceparent", &format!("00-{TRACE}-{n:016x}-01"));
    scenario.fetch(&traced(1)).await.status(200);
    let mut client = scenario.connect().await;
    for n in [2, 3, 4] {
        client.send(&traced(n)).await;
        client.response().await.hit();
        // Without it nothing is traced.
        client.send(&get("/p/1")).await;
        client.response().await.hit();
    }
    let spans = collector.some(5).await;
    let mut parents: Vec<_> = of_kind(&spans, 2).iter().map(|span| hex(&span.parent_span_id)).collect();
    parents.sort();
    assert_eq!(parents, [1, 2, 3, 4].map(|n: u32| format!("{n:016x}")));
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    scenario.running.stop().await;
    assert_eq!(collector.spans().len(), 5);
}

#[tokio::test]
async fn without_traces_the_context_passes_as_it_came() {
    let scenario = Setup::rules(RULES).start().await;
    scenario.origin.on("/other", reply(200).body("passed"));
    let sent = format!("00-{TRACE}-{SENDER}-01");
    scenario.fetch(&get("/other").header("traceparent", &sent).header("tracestate", "vendor=1")).await.status(200);
    let seen = scenario.origin.only_request("/other");
    assert_eq!((seen.value("traceparent"), seen.value("tracestate")), (Some(sent.as_str()), Some("vendor=1")));
}

#[tokio::test]
async fn a_collector_that_takes_nothing_delays_no_request_and_what_is_lost_is_counted() {
    // One that refuses, and one that is not there.
    for collector in [Collector::start("3").await, Collector::nowhere()] {
        let scenario = traced(&collector, "100%", "").await;
        scenario.get("/p/1").await.status(200);
        let lost = async {
            while scenario.metric("larder_trace_spans_total{result=\"export-failed\"}").await < 2.0 {
                tokio::task::yield_now().await;
            }
        };
        within("the loss to be counted", lost).await;
        scenario.get("/p/1").await.hit();
        assert!(scenario.metric("larder_trace_spans_total{result=\"exported\"}").await < 1.0);
    }
}

#[tokio::test]
async fn the_last_spans_are_sent_when_an_instance_ends() {
    let collector = Collector::start("0").await;
    let scenario = traced(&collector, "100%", "").await;
    scenario.fetch(&request("DELETE", "/other")).await.status(200);
    scenario.running.stop().await;
    assert_eq!(collector.spans().len(), 2);
    assert_eq!(said(of_kind(&collector.spans(), 2)[0], "http.request.method"), "DELETE");
}
