//! The session beside hyper: whatever is valid and simple, hyper's server answers alike, and hyper's client understands.

use crate::support::{TestServer, answer, full, soon};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Collected, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use larder::testing::engine::{Answer, Body, BodyError};
use std::convert::Infallible;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A body of these frames, of no known length.
fn framed(frames: Vec<Frame<Bytes>>) -> Body {
    StreamBody::new(stream::iter(frames.into_iter().map(Ok::<_, BodyError>))).boxed_unsync()
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// What both servers answer: the path says which kind, the body says what was asked.
async fn respond(request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let asked = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let said = [asked.as_bytes(), b" ", &body].concat();
    let response = Response::builder().header("x-kind", path.as_str());
    match path.as_str() {
        "/pieces" => response.body(framed(vec![data("one"), data(""), data("two")])),
        "/empty-pieces" => response.body(framed(Vec::new())),
        "/declared" => response.header("content-length", "6").body(framed(vec![data("one"), data("two")])),
        "/trailers" => {
            let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"1\""))]);
            let frames = vec![data("one"), Frame::trailers(trailers)];
            response.header("trailer", "etag").body(framed(frames))
        }
        "/none" => response.status(StatusCode::NO_CONTENT).body(full("")),
        "/unmodified" => response.status(StatusCode::NOT_MODIFIED).header("etag", "\"1\"").body(full("")),
        "/teapot" => response.status(StatusCode::IM_A_TEAPOT).body(full(said)),
        "/large" => response.body(full(vec![b'x'; 300_000])),
        _ => response.body(full(said)),
    }
    .expect("it is valid")
}

async fn handle(request: Request<Body>) -> Answer {
    answer(respond(request).await)
}

/// What hyper's server answers to these bytes, over a pipe in memory.
async fn by_hyper(bytes: &str) -> String {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let service = service_fn(|request: Request<Incoming>| async {
        Ok::<_, Infallible>(respond(request.map(|body| body.map_err(Into::into).boxed_unsync())).await)
    });
    let serving =
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
    client.write_all(bytes.as_bytes()).await.unwrap();
    let mut answered = Vec::new();
    soon("hyper ends the connection", client.read_to_end(&mut answered)).await.unwrap();
    serving.await.unwrap().unwrap();
    String::from_utf8(answered).unwrap()
}

/// The same answers in whatever order their fields are, without what only one of both says.
fn shown(answers: &str) -> Vec<String> {
    let kept = |line: &&str| {
        // An HTTP/1.0 client need not be told that the connection closes.
        let is_own = ["date: ", "via: ", "x-request-id: ", "connection: close"].iter().any(|own| line.starts_with(own));
        !line.is_empty() && !is_own
    };
    let mut lines: Vec<String> = Vec::new();
    for part in answers.split("\r\n\r\n") {
        let mut of_part: Vec<String> = part.split("\r\n").filter(kept).map(str::to_owned).collect();
        of_part.sort_unstable();
        lines.extend(of_part);
    }
    lines
}

const LAST: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn what_is_valid_is_answered_as_hyper_answers_it() {
    let server = TestServer::start(handle);
    let kinds = [
        "/",
        "/pieces",
        "/empty-pieces",
        "/declared",
        "/trailers",
        "/none",
        "/unmodified",
        "/teapot",
        "/large",
        "/a?b=c",
    ];
    let mut rows = Vec::new();
    for kind in kinds {
        for method in ["GET", "HEAD", "DELETE"] {
            rows.push(format!("{method} {kind} HTTP/1.1\r\nHost: a\r\n\r\n{LAST}"));
        }
        // Where the body ends with the connection, hyper says that this is kept.
        let ends_by_close = ["/pieces", "/empty-pieces", "/trailers"].contains(&kind);
        for fields in ["", "Connection: keep-alive\r\n"].into_iter().take(if ends_by_close { 1 } else { 2 }) {
            rows.push(format!("GET {kind} HTTP/1.0\r\nHost: a\r\n{fields}\r\nGET /last HTTP/1.0\r\nHost: a\r\n\r\n"));
        }
        rows.push(format!("GET {kind} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n{LAST}"));
        for body in [
            "Content-Length: 5\r\n\r\nhello",
            "Content-Length: 0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n4;a=b\r\n all\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
        ] {
            rows.push(format!("POST {kind} HTTP/1.1\r\nHost: a\r\n{body}{LAST}"));
        }
    }
    for row in rows {
        let by_us = server.exchange(&row).await;
        assert_eq!(shown(&by_us), shown(&by_hyper(&row).await), "{row}");
    }
}

#[tokio::test]
async fn hypers_client_understands_every_answer_and_is_understood() {
    let server = TestServer::start(handle);
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    for round in 0..3 {
        for (kind, status, body) in [
            ("/pieces", 200, "onetwo"),
            ("/empty-pieces", 200, ""),
            ("/declared", 200, "onetwo"),
            ("/trailers", 200, "one"),
            ("/none", 204, ""),
            ("/unmodified", 304, ""),
            ("/teapot", 418, "POST /teapot sent twice"),
        ] {
            for method in [Method::POST, Method::HEAD] {
                let pieces = stream::iter([data("sent "), data("twice")].map(Ok::<_, BodyError>));
                let sent = if round == 0 {
                    Full::new("sent twice".into()).map_err(Into::into).boxed_unsync()
                } else {
                    StreamBody::new(pieces).boxed_unsync()
                };
                let request = Request::builder().method(&method).uri(kind).header("host", "a").header("te", "trailers");
                soon("the connection is free", sender.ready()).await.unwrap();
                let response = soon("the answer", sender.send_request(request.body(sent).unwrap())).await.unwrap();
                assert_eq!((response.status().as_u16(), response.version()), (status, Version::HTTP_11), "{kind}");
                let collected = soon("the body", response.into_body().collect()).await.unwrap();
                let has_trailers = collected.trailers().is_some_and(|trailers| trailers.contains_key("etag"));
                assert_eq!(has_trailers, kind == "/trailers" && method == Method::POST, "{method} {kind}");
                let expected = if method == Method::HEAD { "" } else { body };
                assert_eq!(collected.to_bytes(), expected, "{method} {kind}");
            }
        }
    }
}
