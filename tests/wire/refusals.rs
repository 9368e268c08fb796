//! What is malformed or ambiguous is refused before the handler sees it, in its place, and the connection closes.

use crate::support::{TestServer, collect, options, tell_target};
use larder::testing::proxy::Ending;
use std::sync::Arc;
use tokio::sync::Notify;

async fn refused(case: &str, request: &str, status: u16, reason: &str) {
    let server = TestServer::start(tell_target);
    let mut client = server.client().await;
    client.send(request).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{case}");
    assert_eq!(reply.headers["connection"], "close", "{case}");
    assert_eq!(client.rest().await, "", "{case}");
    assert!(server.seen().is_empty(), "{case}: the handler saw {:?}", server.seen());
    let told = server.told(1).await;
    assert_eq!(
        (told[0].status, told[0].reason, told[0].ending),
        (Some(status), Some(reason), Ending::Complete),
        "{case}"
    );
}

async fn all_refused(cases: &[(&str, &str, u16, &str)]) {
    for (case, request, status, reason) in cases {
        refused(case, request, *status, reason).await;
    }
}

#[tokio::test]
async fn malformed_request_lines_are_refused() {
    all_refused(&[
        ("two parts", "GET /\r\n\r\n", 400, "request-line"),
        ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request-line"),
        ("space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "request-line"),
        ("tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request-line"),
        ("method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method"),
        ("no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method"),
        ("lower-case protocol", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, "request-line"),
        ("version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version"),
        ("version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "version"),
        ("version 0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "version"),
        ("fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("a fragment beyond ASCII", "GET /\u{e9}#\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("a host beyond ASCII", "GET http://\u{e9}/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("control", "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("not a path", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("star", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target"),
        ("tunnel", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, "connect"),
        ("TLS", "\u{16}\u{3}\u{1}\r\n\r\n", 400, "tls"),
        ("empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "empty-lines"),
    ])
    .await;
}

#[tokio::test]
async fn malformed_lines_and_fields_are_refused() {
    all_refused(&[
        ("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "bare-line-feed"),
        ("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, "bare-line-feed"),
        ("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bare-line-feed"),
        ("bare LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bare-line-feed"),
        ("bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", 400, "bare-carriage-return"),
        ("CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n", 400, "bare-carriage-return"),
        ("fold", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, "line-folding"),
        ("fold by tab", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400, "line-folding"),
        ("space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "line-folding"),
        ("space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "space-before-colon"),
        ("tab before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", 400, "space-before-colon"),
        ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, "field-name"),
        ("no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, "field-name"),
        ("name", "GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", 400, "field-name"),
        ("NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400, "field-value"),
        ("DEL", "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{7f}\r\n\r\n", 400, "field-value"),
        ("no Host", "GET / HTTP/1.1\r\n\r\n", 400, "host-missing"),
        ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, "host-repeated"),
        ("two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400, "host-repeated"),
        ("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "host-invalid"),
        ("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "host-invalid"),
    ])
    .await;
}

/// RFC 9112 section 11.2: each of these has two readings, in one of which `/smuggled` is a request.
#[tokio::test]
async fn conflicting_framing_is_refused_and_nothing_is_smuggled() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (case, fields, body, reason) in [
        ("CL.TE", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", "length-and-transfer-encoding"),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n", "length-and-transfer-encoding"),
        ("CL.CL", "Content-Length: 4\r\nContent-Length: 0\r\n", "abcd", "content-length-repeated"),
        ("CL.CL alike", "Content-Length: 4\r\nContent-Length: 4\r\n", "abcd", "content-length-repeated"),
        ("CL list", "Content-Length: 4, 4\r\n", "abcd", "content-length"),
        ("CL sign", "Content-Length: +4\r\n", "abcd", "content-length"),
        ("CL minus", "Content-Length: -4\r\n", "abcd", "content-length"),
        ("CL hex", "Content-Length: 0x4\r\n", "abcd", "content-length"),
        ("CL space", "Content-Length: 4 0\r\n", "abcd", "content-length"),
        ("CL empty", "Content-Length:\r\n", "abcd", "content-length"),
        ("CL overflow", "Content-Length: 18446744073709551620\r\n", "abcd", "content-length"),
        ("TE.TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n", "transfer-encoding"),
        ("TE list", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", "transfer-encoding"),
        ("TE twice", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n", "transfer-encoding"),
        ("TE quoted", "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n", "transfer-encoding"),
        ("TE identity", "Transfer-Encoding: identity\r\n", "", "transfer-encoding"),
        ("TE vertical tab", "Transfer-Encoding: \u{b}chunked\r\n", "0\r\n\r\n", "field-value"),
        ("TE space", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n", "space-before-colon"),
        ("TE fold", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n", "line-folding"),
        ("TE by bare LF", "X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", "bare-line-feed"),
        ("chunk sign", "Transfer-Encoding: chunked\r\n", "+0\r\n\r\n", "chunk-size"),
        ("chunk by bare LF", "Transfer-Encoding: chunked\r\n", "2\nab\r\n0\r\n\r\n", "chunk-size"),
        ("chunk overflow", "Transfer-Encoding: chunked\r\n", "10000000000000000\r\n", "chunk-size"),
        ("chunk without end", "Transfer-Encoding: chunked\r\n", "2\r\nabXX0\r\n\r\n", "chunk-end"),
        ("length as trailer", "Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 9\r\n\r\n", "trailer"),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}{smuggled}");
        refused(case, &request, 400, reason).await;
    }
    let old = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused("TE in 1.0", old, 400, "transfer-encoding-version").await;
}

#[tokio::test]
async fn limits_are_refused_one_beyond_and_taken_at_their_value() {
    let limits = options();
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(bytes - 1));
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(bytes - 32));
    assert_eq!(head(100).len(), 100);
    for (at_limit, beyond, status, reason) in [
        (target(limits.uri_bytes_max), target(limits.uri_bytes_max + 1), 414, "target-too-long"),
        (fields(limits.headers_max), fields(limits.headers_max + 1), 431, "too-many-fields"),
        (head(limits.header_bytes_max), head(limits.header_bytes_max + 1), 431, "head-too-large"),
    ] {
        let server = TestServer::start(tell_target);
        let mut client = server.client().await;
        client.send(at_limit).await;
        assert_eq!(client.reply().await.status, 200, "{reason}");
        refused("beyond the limit", &beyond, status, reason).await;
    }
    let endless = format!("GET /{}", "a".repeat(limits.header_bytes_max * 4));
    refused("a target without end", &endless, 414, "target-too-long").await;
}

#[tokio::test]
async fn a_refusal_waits_its_turn_behind_earlier_answers() {
    let gate = Arc::new(Notify::new());
    let waits = gate.clone();
    let server = TestServer::start(move |request| {
        let gate = waits.clone();
        async move {
            if request.uri() == "/1" {
                gate.notified().await;
            }
            tell_target(request).await
        }
    });
    let mut client = server.client().await;
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(format!("{}{}{}{}", get("/1"), get("/2"), "GET /bad HTTP/1.1\nHost: a\n\n", get("/3"))).await;
    gate.notify_one();
    for expected in ["/1", "/2"] {
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.body.as_str()), (200, expected));
    }
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (400, "bare-line-feed"));
    assert_eq!(client.rest().await, "");
    assert_eq!(server.seen(), ["GET /1", "GET /2"], "what follows a refusal is never read");
}

#[tokio::test]
async fn a_refused_client_that_keeps_sending_still_reads_its_answer() {
    let server = TestServer::start(tell_target);
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n").await;
    client.send(vec![b'a'; 256 * 1024]).await;
    assert_eq!(client.reply().await.status, 400);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_chunked_body_that_breaks_midway_ends_the_request_and_the_connection() {
    let server = TestServer::start(collect);
    let mut client = server.client().await;
    client.send("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n").await;
    client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send("5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (400, "chunk-size"));
    assert_eq!(client.rest().await, "");
    assert_eq!(server.seen(), ["POST /up"]);
}
