//! Ordinary requests: what the handler gets, what the client gets, errors of Larder's own.

use crate::support::{TestServer, answer, collect, decision, failure, full, tell_target};
use http::{Response, StatusCode};
use larder::testing::engine::{Answer, Client, Outcome};
use larder::testing::proxy::Ending;
use larder::testing::semantics::Reason;

#[tokio::test]
async fn requests_follow_one_another_on_one_connection() {
    let server = TestServer::start(collect);
    let mut client = server.client().await;
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 200);
    client.send("PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\n").await;
    assert_eq!(client.reply().await.body, "hello", "an empty line after a body means nothing");
    client
        .send("FROB /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.reply().await.body, "abc");
    assert_eq!(server.seen(), ["GET /1", "PUT /2", "FROB /3"]);
    drop(client);
    let closed = server.closed(1).await[0];
    assert_eq!(closed.requests, 3);
    assert!(closed.bytes_read > 150 && closed.bytes_written > 200, "{closed:?}");
}

#[tokio::test]
async fn requests_may_come_byte_by_byte() {
    let server = TestServer::start(collect);
    let mut client = server.client().await;
    for byte in "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n".bytes()
    {
        client.send([byte]).await;
    }
    assert_eq!(client.reply().await.body, "abc");
}

#[tokio::test]
async fn the_handler_learns_of_the_client() {
    let server = TestServer::start(|request| async move {
        let client = request.extensions().get::<Client>().unwrap();
        let facts = format!("{:?} {} {:?}", request.version(), client.interim.is_some(), client.upgrade);
        answer(Response::new(full(facts)))
    });
    for (version, expected) in [("1.1", "HTTP/1.1 true Unable"), ("1.0", "HTTP/1.0 false Unable")] {
        let mut client = server.client().await;
        client.send(format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")).await;
        client.until(expected).await;
    }
}

#[tokio::test]
async fn the_answer_keeps_its_fields_and_says_what_it_came_through() {
    let server = TestServer::start(|_| async {
        let response = Response::builder()
            .version(http::Version::HTTP_10)
            .status(203)
            .header("via", "1.0 other")
            .header("x-twice", "a")
            .header("x-twice", "b");
        answer(response.body(full("hello")).unwrap())
    });
    let mut client = server.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.body.as_str()), (203, "hello"));
    assert_eq!(reply.headers.get_all("via").iter().collect::<Vec<_>>(), ["1.0 other", "1.1 larder"]);
    assert_eq!(reply.headers.get_all("x-twice").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert!(reply.headers.contains_key("date"));
}

#[tokio::test]
async fn a_failure_is_a_problem_that_says_nothing_of_what_lies_beneath() {
    let server = TestServer::start(|_| async { failure(StatusCode::GATEWAY_TIMEOUT, Reason::UpstreamTimeout) });
    let mut client = server.client().await;
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (504, "upstream-timeout"));
    assert!(reply.headers["proxy-status"].to_str().unwrap().starts_with("larder; error="), "{reply:?}");
    assert!(!reply.body.contains("beneath"), "{reply:?}");
    client.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 504, "the connection goes on");
    let told = server.told(1).await;
    assert_eq!((told[0].status, told[0].reason), (Some(504), Some("upstream-timeout")));
}

#[tokio::test]
async fn a_panic_of_the_handler_is_an_answer_and_ends_nothing_else() {
    let server = TestServer::start(|request| async move {
        assert!(request.uri() != "/panic", "asked for");
        tell_target(request).await
    });
    let mut client = server.client().await;
    client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (500, "internal"));
    assert_eq!(client.reply().await.body, "/next");
}

#[tokio::test]
async fn a_head_request_gets_no_body_and_counts_as_complete() {
    let server = TestServer::start(tell_target);
    let mut client = server.client().await;
    client.send("HEAD /four HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.contains("content-length: 5"), "{head}");
    assert_eq!(client.reply().await.body, "/next");
    assert!(server.told(2).await.iter().all(|told| told.ending == Ending::Complete));
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_request() {
    let server = TestServer::start(|_| async {
        std::future::pending::<()>().await;
        Answer { reply: Ok(Response::new(full(""))), decision: decision(Outcome::Pass, Reason::NoRoute) }
    });
    let mut client = server.client().await;
    client.send("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n").await;
    drop(client);
    let told = server.told(1).await;
    assert_eq!((told[0].status, told[0].ending), (None, Ending::ClientGone));
}
