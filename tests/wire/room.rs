//! A full table of connections: the one that has been idle longest makes room for a new one, a busy one never does.

use crate::support::{Client, TestServer, answer, full, options, soon, tell_target};
use futures_util::future::{BoxFuture, join_all};
use http::{Request, Response};
use larder::testing::engine::{Answer, Body};
use larder::testing::proxy::{ProxyOptions, WhyClosed};
use std::sync::Arc;
use tokio::sync::Notify;

const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame, and a HEADERS frame of a whole GET for `/h2` at `a`.
const H2_GET: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x0a\x01\x05\0\0\0\x01\x82\x86\x04\x03/h2\x41\x01a";

fn room_for(connections: usize) -> ProxyOptions {
    ProxyOptions { connections_max: connections, ..options() }
}

async fn ask(client: &mut Client, target: &str) -> String {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    client.reply().await.body
}

/// Fills a server for two with a connection on which these bytes are sent and this is answered, and one that asks
/// something after that. Where a third comes, the first must go.
async fn makes_room(bytes: &[u8], answered: &str) {
    let server = TestServer::with(room_for(2), tell_target);
    let mut first = server.client().await;
    first.send(bytes).await;
    if !answered.is_empty() {
        first.until(answered).await;
    }
    let mut second = server.client().await;
    assert_eq!(ask(&mut second, "/second").await, "/second");
    let mut third = server.client().await;
    assert_eq!(ask(&mut third, "/third").await, "/third", "{bytes:?}");
    assert_eq!(ask(&mut second, "/again").await, "/again", "it was not idle as long as the first: {bytes:?}");
    soon("the end", first.ended()).await;
    assert_eq!(server.closed(1).await[0].why, WhyClosed::Room, "{bytes:?}");
}

#[tokio::test]
async fn the_connection_that_has_been_idle_longest_makes_room() {
    let asked = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n";
    let kinds = [
        (&b""[..], ""),
        (&PREFACE.as_bytes()[..7], ""),
        (b"GET /first HTTP/1.1\r\nHost:", ""),
        (asked.as_bytes(), "/first"),
        (&[asked.as_bytes(), b"GET /more HT"].concat(), "/first"),
        (PREFACE.as_bytes(), ""),
        (&[PREFACE.as_bytes(), H2_GET].concat(), "http://a/h2"),
    ];
    join_all(kinds.map(|(bytes, answered)| makes_room(bytes, answered))).await;
}

/// A handler that waits at the gate, however much of a body it was sent.
fn waiting(gate: &Arc<Notify>) -> impl Fn(Request<Body>) -> BoxFuture<'static, Answer> + use<> {
    let gate = Arc::clone(gate);
    move |request| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            if request.uri().path() == "/long" {
                return answer(Response::new(full(vec![b'x'; 32 << 20])));
            }
            if request.uri().path() != "/new" {
                gate.notified().await;
            }
            tell_target(request).await
        })
    }
}

#[tokio::test]
async fn a_busy_connection_never_makes_room_and_that_is_told() {
    for (bytes, rest, answered) in [
        (&b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"[..], "", "/1"),
        (b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf", "half", "/2"),
        (&[PREFACE.as_bytes(), H2_GET].concat(), "", "http://a/h2"),
    ] {
        let gate = Arc::new(Notify::new());
        let server = TestServer::with(room_for(1), waiting(&gate));
        let mut busy = server.client().await;
        busy.send(bytes).await;
        let mut new = server.client().await;
        new.send("GET /new HTTP/1.1\r\nHost: a\r\n\r\n").await;
        server.full().await;
        gate.notify_one();
        busy.send(rest).await;
        busy.until(answered).await;
        assert_eq!(new.reply().await.body, "/new", "it waits until the other is idle: {answered}");
        let closed = server.closed(1).await;
        assert_eq!((closed[0].why, closed[0].requests), (WhyClosed::Room, 1));
    }
}

#[tokio::test]
async fn an_answer_that_its_client_has_not_taken_yet_is_not_cut_short() {
    let server = TestServer::with(room_for(1), waiting(&Arc::new(Notify::new())));
    let mut busy = server.client().await;
    busy.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n").await;
    busy.until("\r\n\r\n").await;
    let mut new = server.client().await;
    new.send("GET /new HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.full().await;
    assert_eq!(busy.bytes(32 << 20).await.len(), 32 << 20);
    assert_eq!(new.reply().await.body, "/new");
}

#[tokio::test]
async fn a_crowd_that_sends_nothing_keeps_nobody_out() {
    let server = TestServer::with(room_for(8), tell_target);
    let mut crowd = Vec::new();
    for _ in 0..32 {
        let mut silent = server.client().await;
        silent.send("GET / HTTP/1.1\r\nX-Slow").await;
        crowd.push(silent);
    }
    let mut client = server.client().await;
    assert_eq!(ask(&mut client, "/in").await, "/in");
    assert!(server.open_max() <= 10, "only those that are about to end are beyond the limit");
}
