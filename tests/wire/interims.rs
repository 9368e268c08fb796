//! Interim responses reach the client between messages, before the final one, and only where it can take them.

use crate::support::{TestServer, answer, collect, full, tell_target};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use larder::testing::engine::{Answer, Body, Client, InterimListener};
use std::sync::Arc;
use tokio::sync::Notify;

fn sender(request: &Request<Body>) -> Option<InterimListener> {
    request.extensions().get::<Client>().unwrap().interim.clone()
}

fn hints() -> HeaderMap {
    HeaderMap::from_iter([(http::header::LINK, HeaderValue::from_static("</a.css>; rel=preload"))])
}

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interim_response_reaches_the_client_before_the_final_one_is_known() {
    let gate = Arc::new(Notify::new());
    let waits = gate.clone();
    let server = TestServer::start(move |request| {
        let gate = waits.clone();
        async move {
            let sender = sender(&request).unwrap();
            // From another task, as from a client to the origin: the connection must be woken for it.
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                sender.send(StatusCode::PROCESSING, &HeaderMap::new());
                sender.send(StatusCode::EARLY_HINTS, &hints());
            });
            gate.notified().await;
            tell_target(request).await
        }
    });
    let mut client = server.client().await;
    for target in ["/1", "/2"] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(client.until(HINTS).await, format!("HTTP/1.1 102 Processing\r\n\r\n{HINTS}"));
        gate.notify_one();
        assert_eq!(client.reply().await.body, target);
    }
}

async fn hint_and_answer(request: Request<Body>) -> Answer {
    if let Some(sender) = sender(&request) {
        sender.send(StatusCode::EARLY_HINTS, &hints());
    }
    tell_target(request).await
}

#[tokio::test]
async fn the_final_response_waits_for_the_interim_one_also_between_pipelined_requests() {
    let server = TestServer::start(hint_and_answer);
    let mut client = server.client().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for target in ["/1", "/2"] {
        assert_eq!(client.until("\r\n\r\n").await, HINTS);
        assert_eq!(client.reply().await.body, target);
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_no_interim_response() {
    let server = TestServer::start(hint_and_answer);
    let response = server.exchange("GET /1 HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.0 200 OK\r\n") && response.ends_with("\r\n\r\n/1"), "{response:?}");
}

#[tokio::test]
async fn an_interim_response_that_comes_too_late_is_never_written() {
    let (late, mut senders) = tokio::sync::mpsc::unbounded_channel();
    let server = TestServer::start(move |request| {
        late.send(sender(&request).unwrap()).unwrap();
        tell_target(request)
    });
    let mut client = server.client().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "/1");
    senders.recv().await.unwrap().send(StatusCode::EARLY_HINTS, &hints());
    client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "/2", "the next message is the answer");
}

#[tokio::test]
async fn a_client_is_asked_for_its_body_only_when_the_body_is_wanted() {
    let server = TestServer::start(|request| async move {
        if request.uri() == "/wanted" { collect(request).await } else { answer(Response::new(full("no"))) }
    });
    let head = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut client = server.client().await;
    client.send(head("/wanted")).await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(client.reply().await.body, "hello");
    client.send(head("/unwanted")).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "no"));
    assert_eq!(reply.headers["connection"], "close", "the body may or may not come");
}
