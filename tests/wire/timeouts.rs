//! Clients that are slow or silent are let go.

use crate::support::{TestServer, collect, options, tell_target};
use larder::testing::proxy::ProxyOptions;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_408() {
    let options = ProxyOptions { header_read_timeout: SHORT, ..options() };
    let server = TestServer::with(options, tell_target);
    let mut client = server.client().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHo").await;
    assert_eq!(client.reply().await.body, "/1");
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (408, "head-timeout"));
    assert_eq!(client.rest().await, "");
    assert_eq!(server.seen(), ["GET /1"]);
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let options = ProxyOptions { idle_timeout: SHORT, ..options() };
    let server = TestServer::with(options, tell_target);
    assert_eq!(server.exchange("").await, "", "nothing was ever sent");
    assert_eq!(server.exchange("PRI * HTTP").await, "", "half a preface");
    let mut client = server.client().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "/1");
    assert_eq!(client.rest().await, "");
    assert_eq!(server.told(1).await.len(), 1);
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let options = ProxyOptions { idle_timeout: SHORT, header_read_timeout: SHORT, ..options() };
    let gate = Arc::new(Notify::new());
    let waits = gate.clone();
    let server = TestServer::with(options, move |request| {
        let gate = waits.clone();
        async move {
            gate.notified().await;
            tell_target(request).await
        }
    });
    let mut client = server.client().await;
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for _ in 0..3 {
        assert_eq!(server.exchange("").await, "", "another connection came later and is idle for too long");
    }
    gate.notify_one();
    assert_eq!(client.reply().await.body, "/slow");
    assert_eq!(client.rest().await, "", "and then it is");
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_the_request() {
    let options = ProxyOptions { stall_timeout: SHORT, ..options() };
    let server = TestServer::with(options, collect);
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (408, "body-timeout"));
    assert_eq!(client.rest().await, "");
}
