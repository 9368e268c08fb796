//! The order of things on one connection: early answers, bodies that nobody reads, what is asked for, trailers.

use crate::support::{TestServer, answer, collect, full, tell_target};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use larder::testing::engine::{Answer, Body, BodyError, Client};
use larder::testing::proxy::Ending;
use std::sync::Arc;
use tokio::sync::Notify;

const GET: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn each_of_several_interim_responses_is_written_when_it_comes() {
    let gates = Arc::new([Notify::new(), Notify::new(), Notify::new()]);
    let waits = Arc::clone(&gates);
    let server = TestServer::start(move |request: Request<Body>| {
        let gates = Arc::clone(&waits);
        async move {
            let interim = request.extensions().get::<Client>().unwrap().interim.clone().unwrap();
            let sending = Arc::clone(&gates);
            // From another task, so that nothing but the interim response wakes the connection.
            tokio::spawn(async move {
                for gate in &sending[..2] {
                    gate.notified().await;
                    interim.send(StatusCode::PROCESSING, &HeaderMap::new());
                }
            });
            gates[2].notified().await;
            tell_target(request).await
        }
    });
    let mut client = server.client().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for gate in &gates[..2] {
        gate.notify_one();
        assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 102 Processing\r\n\r\n");
    }
    gates[2].notify_one();
    assert_eq!(client.reply().await.body, "/1");
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_passed_over_where_all_of_it_is_there() {
    let server = TestServer::start(tell_target);
    let mut client = server.client().await;
    for body in ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"] {
        client.send(format!("POST /1 HTTP/1.1\r\nHost: a\r\n{body}{GET}")).await;
        for expected in ["/1", "/next"] {
            let reply = client.reply().await;
            assert_eq!((reply.body.as_str(), reply.headers.get("connection")), (expected, None), "{body:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_answered_early_reads_the_answer_though_it_sends_on() {
    let server = TestServer::start(tell_target);
    for framing in ["Content-Length: 9000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n400000\r\n"] {
        let mut client = server.client().await;
        client.send(format!("POST /early HTTP/1.1\r\nHost: a\r\n{framing}begins")).await;
        client.send(vec![b'x'; 200_000]).await;
        let reply = client.reply().await;
        assert_eq!((reply.body.as_str(), &reply.headers["connection"]), ("/early", &HeaderValue::from_static("close")));
    }
    assert!(server.told(2).await.iter().all(|told| told.ending == Ending::Complete));
}

/// Answers at once, and with the request's body as it comes.
async fn echo_at_once(request: Request<Body>) -> Answer {
    answer(Response::new(request.into_body()))
}

#[tokio::test]
async fn an_answer_may_stream_while_its_request_does_and_the_next_request_follows_both() {
    let server = TestServer::start(echo_at_once);
    let mut client = server.client().await;
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        client.until("\r\n\r\n").await;
        for _ in 0..3 {
            client.send("3\r\nabc\r\n").await;
            client.until("3\r\nabc\r\n").await;
        }
        client.send("0\r\n\r\n").await;
        client.until("0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn a_client_that_sends_its_body_unasked_is_not_asked() {
    let server = TestServer::start(collect);
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello").await;
    assert_eq!(client.reply().await.body, "hello");
    client.send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    client.send("hello").await;
    let rest = client.rest().await;
    assert!(rest.starts_with("HTTP/1.0 200 OK\r\n") && rest.ends_with("\r\n\r\nhello"), "{rest}");
}

#[tokio::test]
async fn trailers_go_to_a_client_that_takes_them_and_are_those_that_were_announced() {
    let server = TestServer::start(|request: Request<Body>| async move {
        let trailers = [("digest", "x"), ("x-other", "y"), ("content-length", "3")];
        let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let frames = [Frame::data(Bytes::from_static(b"abc")), Frame::trailers(HeaderMap::from_iter(trailers))];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, BodyError>))).boxed_unsync();
        let response = Response::builder();
        let is_announced = request.uri() == "/announced";
        let response = if is_announced { response.header("trailer", "Digest, Content-Length") } else { response };
        answer(response.body(body).unwrap())
    });
    let mut client = server.client().await;
    for (target, fields, end) in [
        ("/announced", "TE: trailers\r\nConnection: te\r\n", "3\r\nabc\r\n0\r\ndigest: x\r\n\r\n"),
        ("/announced", "", "3\r\nabc\r\n0\r\n\r\n"),
        ("/", "TE: trailers\r\n", "3\r\nabc\r\n0\r\n\r\n"),
    ] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await;
        let head = client.until("\r\n\r\n").await;
        assert_eq!(head.contains("trailer: "), target == "/announced", "{head}");
        assert_eq!(client.bytes(end.len()).await, end, "{target} {fields:?}");
    }
}

#[tokio::test]
async fn what_follows_a_refused_request_is_never_read_wherever_it_breaks() {
    let server = TestServer::start(collect);
    for broken in [
        "GET /bad HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ] {
        let mut client = server.client().await;
        client.send(format!("{GET}{broken}{GET}")).await;
        assert_eq!(client.reply().await.status, 200, "{broken:?}");
        assert_eq!(client.reply().await.status, 400, "{broken:?}");
        assert_eq!(client.rest().await, "", "{broken:?}");
    }
    assert_eq!(server.seen(), ["GET /next"; 3]);
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_seen_to_be_cut_short() {
    let server = TestServer::start(|_| async {
        let frames = [Frame::data(Bytes::from_static(b"abc"))];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, BodyError>))).boxed_unsync();
        answer(Response::builder().header("content-length", "5").body(body).unwrap())
    });
    let response = server.exchange(GET).await;
    assert!(response.contains("content-length: 5\r\n") && response.ends_with("\r\n\r\nabc"), "{response}");
    assert_eq!(server.told(1).await[0].ending, Ending::Truncated);
}

#[tokio::test]
async fn a_body_longer_than_its_length_never_becomes_the_next_answer() {
    let server = TestServer::start(|request: Request<Body>| async move {
        if request.uri() == "/next" {
            return answer(Response::new(full("next")));
        }
        let frames =
            ["abc", "def", "HTTP/1.1 200 OK\r\n\r\n"].map(|text| Frame::data(Bytes::from_static(text.as_bytes())));
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, BodyError>))).boxed_unsync();
        answer(Response::builder().header("content-length", "5").body(body).unwrap())
    });
    let mut client = server.client().await;
    client.send(format!("GET /long HTTP/1.1\r\nHost: a\r\n\r\n{GET}")).await;
    assert_eq!(client.reply().await.body, "abcde");
    assert_eq!(client.reply().await.body, "next");
}
