//! Bodies stream both ways, with backpressure, and a truncated one is seen to be truncated.

use crate::support::{TestServer, answer, collect, echo, full, options, soon, tell_target};
use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use larder::testing::engine::{Answer, Body, BodyError};
use larder::testing::proxy::Ending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A body of these pieces that then fails.
fn truncated(pieces: &[&'static str]) -> Body {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
    let failure: Result<Frame<Bytes>, BodyError> = Err("the origin left".into());
    StreamBody::new(stream::iter(pieces.into_iter().chain([failure]))).boxed_unsync()
}

#[tokio::test]
async fn a_chunked_request_streams_through() {
    let server = TestServer::start(echo);
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
    client.until("5\r\nfirst\r\n").await;
    client.send("6\r\nsecond\r\n").await;
    client.until("6\r\nsecond\r\n").await;
    client.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(client.reply().await.body, "abc", "the connection goes on");
}

#[tokio::test]
async fn trailers_of_a_request_reach_the_handler() {
    let server = TestServer::start(|request| async {
        let body = request.into_body().collect().await.unwrap();
        let digest = body.trailers().unwrap()["digest"].to_str().unwrap().to_owned();
        answer(Response::new(full(digest)))
    });
    let mut client = server.client().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n";
    client.send(format!("{head}1\r\na\r\n0\r\nDigest: x=1\r\n\r\n")).await;
    assert_eq!(client.reply().await.body, "x=1");
}

#[tokio::test]
async fn a_body_cut_short_upstream_reaches_the_client_truncated() {
    let server = TestServer::start(|request| async move {
        let response = Response::builder();
        let response = if request.uri() == "/length" { response.header("content-length", "10") } else { response };
        answer(response.body(truncated(&["fir", "st"])).unwrap())
    });
    let chunked = server.exchange("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(chunked.ends_with("\r\n\r\n3\r\nfir\r\n2\r\nst\r\n"), "no last chunk: {chunked:?}");
    let length = server.exchange("GET /length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(length.contains("content-length: 10\r\n") && length.ends_with("\r\n\r\nfirst"), "{length:?}");
    let mut old = server.client().await;
    old.send("GET /until-close HTTP/1.0\r\nHost: a\r\n\r\n").await;
    old.reset().await;
    for told in server.told(3).await {
        assert_eq!((told.ending, told.body_bytes), (Ending::Truncated, 5), "{told:?}");
    }
}

#[tokio::test]
async fn a_request_cut_short_by_the_client_is_an_error_to_whoever_reads_it() {
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let server = TestServer::start(move |request| {
        let ended = ended.clone();
        async move {
            // In a task of its own, as a fetch is: the client's leaving cancels the handler itself.
            let reading = tokio::spawn(async move {
                let answer = collect(request).await;
                ended.send(answer.reply.is_err()).unwrap();
                answer
            });
            reading.await.unwrap()
        }
    });
    for body in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let mut client = server.client().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{body}")).await;
        drop(client);
        assert_eq!(soon("the body ends", ends.recv()).await, Some(true), "{body:?}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_never_becomes_the_next_request() {
    let server = TestServer::start(tell_target);
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in ["GET /a HTTP/1.1\r\nHost: a\r\n", "HEAD /a HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = server.client().await;
        client.send(format!("{head}Content-Length: {}\r\n\r\n{hidden}", hidden.len() * 100)).await;
        let response = client.rest().await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response:?}");
        assert!(response.contains("connection: close\r\n"), "{response:?}");
    }
    let mut client = server.client().await;
    client.send(format!("GET /b HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len())).await;
    assert_eq!(client.reply().await.body, "/b");
    assert!(!server.seen().contains(&"GET /hidden".to_owned()), "{:?}", server.seen());
}

/// Answers with a body without end, in pieces of 64 KiB, and counts those that were asked for.
fn endless(asked: &Arc<AtomicUsize>) -> Answer {
    let asked = asked.clone();
    let pieces = stream::repeat_with(move || {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok::<_, BodyError>(Frame::data(Bytes::from(vec![b'a'; 64 * 1024])))
    });
    answer(Response::new(StreamBody::new(pieces).boxed_unsync()))
}

#[tokio::test]
async fn a_client_that_stops_reading_holds_the_body_back_and_is_let_go() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let options = larder::testing::proxy::ProxyOptions { stall_timeout: Duration::from_millis(200), ..options() };
    let server = TestServer::with(options, move |_| std::future::ready(endless(&count)));
    let mut client = server.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let told = server.told(1).await;
    assert_eq!(told[0].ending, Ending::ClientGone);
    let bytes = asked.load(Ordering::SeqCst) * 64 * 1024;
    assert!(bytes < 64 * 1024 * 1024, "{bytes} bytes were asked for and none read");
}
