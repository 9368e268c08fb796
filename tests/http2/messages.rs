//! Messages: RFC 9113 section 8.

use super::rows::{Allowed, Row, check, field, fields, frame, headers, opening, request, row};
use crate::support::h2_frames::{flag, kind};

/// A malformed request.
fn malformed(name: &'static str, block: Vec<u8>) -> Row {
    row(name, Allowed::Malformed, [headers(1, block)])
}

fn with(name: &str, value: &str) -> Vec<u8> {
    [request("GET", "/malformed"), field(name, value)].concat()
}

#[tokio::test]
async fn rfc_9113_8_2_fields_that_no_message_may_have() {
    check(vec![
        malformed("8.2.1: a name in upper case", with("X-TEST", "ok")),
        malformed("8.2.1: a name with a space", with("x test", "ok")),
        malformed("8.2.1: a name with a colon", with("x:test", "ok")),
        malformed("8.2.1: an empty name", with("", "ok")),
        malformed("8.2.1: a name beyond ASCII", with("x-t\u{e9}st", "ok")),
        malformed("8.2.1: a value with a line feed", with("x-test", "a\nb")),
        malformed("8.2.1: a value with a carriage return", with("x-test", "a\rb")),
        malformed("8.2.1: a value with a NUL", with("x-test", "a\0b")),
        malformed("8.2.2: Connection", with("connection", "keep-alive")),
        malformed("8.2.2: Proxy-Connection", with("proxy-connection", "keep-alive")),
        malformed("8.2.2: Keep-Alive", with("keep-alive", "timeout=5")),
        malformed("8.2.2: Transfer-Encoding", with("transfer-encoding", "chunked")),
        malformed("8.2.2: Upgrade", with("upgrade", "websocket")),
        malformed("8.2.2: TE of more than trailers", with("te", "trailers, deflate")),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_8_3_control_data_that_is_missing_repeated_or_wrong() {
    let [method, scheme, path, authority] =
        [(":method", "GET"), (":scheme", "http"), (":path", "/malformed"), (":authority", "shop.test")];
    check(vec![
        malformed("8.3: a name that is not known", with(":test", "ok")),
        malformed("8.3: a name of responses", with(":status", "200")),
        malformed("8.3: after the fields", fields(&[method, scheme, ("x-test", "ok"), path, authority])),
        malformed("8.3: :method twice", fields(&[method, method, scheme, path, authority])),
        malformed("8.3: :scheme twice", fields(&[method, scheme, scheme, path, authority])),
        malformed("8.3: :path twice", fields(&[method, scheme, path, path, authority])),
        malformed("8.3: :authority twice", fields(&[method, scheme, path, authority, authority])),
        malformed("8.3.1: no :method", fields(&[scheme, path, authority])),
        malformed("8.3.1: no :scheme", fields(&[method, path, authority])),
        malformed("8.3.1: no :path", fields(&[method, scheme, authority])),
        malformed("8.3.1: an empty :path", fields(&[method, scheme, (":path", ""), authority])),
        malformed("8.3.1: a :path that is not absolute", fields(&[method, scheme, (":path", "malformed"), authority])),
        malformed("8.3.1: * for another method than OPTIONS", fields(&[method, scheme, (":path", "*"), authority])),
        malformed("8.3.1: a :path with a space", fields(&[method, scheme, (":path", "/mal formed"), authority])),
        malformed("8.3.1: :authority with a user", fields(&[method, scheme, path, (":authority", "user@shop.test")])),
        malformed("8.3.1: neither :authority nor Host", fields(&[method, scheme, path])),
        malformed(
            "8.3.1: Host that differs from :authority",
            fields(&[method, scheme, path, authority, ("host", "other.test")]),
        ),
        malformed(
            "8.3.1: two Host that differ",
            fields(&[method, scheme, path, ("host", "shop.test"), ("host", "other.test")]),
        ),
        malformed("8.3.1: an empty :method", fields(&[(":method", ""), scheme, path, authority])),
        malformed("8.3.1: a :method that is no token", fields(&[(":method", "G T"), scheme, path, authority])),
        malformed("8.5: CONNECT with a path", fields(&[(":method", "CONNECT"), scheme, path, authority])),
        malformed("8.5: CONNECT without an authority", fields(&[(":method", "CONNECT")])),
        malformed(
            "RFC 8441 4: :protocol with another method than CONNECT",
            fields(&[method, (":protocol", "websocket"), scheme, path, authority]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn rfc_9113_8_1_messages_whose_frames_do_not_fit_together() {
    let post = |length: &str| [request("POST", "/malformed"), field("content-length", length)].concat();
    let data = |flags, bytes: &str| frame(kind::DATA, flags, 1, bytes);
    check(vec![
        row(
            "8.1: a second HEADERS that does not end the stream",
            Allowed::Malformed,
            [opening(1, request("POST", "/malformed")), opening(1, field("x-test", "ok"))],
        ),
        row(
            "8.1: control data in trailers, which is left out",
            Allowed::Goes,
            [opening(1, request("POST", "/held")), headers(1, field(":method", "200"))],
        ),
        row(
            "8.1.1: a Content-Length of more than one DATA",
            Allowed::Malformed,
            [opening(1, post("10")), data(flag::END_STREAM, "test")],
        ),
        row(
            "8.1.1: a Content-Length of less than two DATA",
            Allowed::Malformed,
            [opening(1, post("5")), data(0, "test"), data(flag::END_STREAM, "test")],
        ),
        row("8.1.1: a Content-Length without any DATA", Allowed::Malformed, [headers(1, post("5"))]),
        row(
            "8.1.1: a Content-Length that is no number",
            Allowed::Malformed,
            [opening(1, post("5x")), data(flag::END_STREAM, "tests")],
        ),
        row(
            "8.1.1: two Content-Length that differ",
            Allowed::Malformed,
            [opening(1, [post("4"), field("content-length", "5")].concat()), data(flag::END_STREAM, "tests")],
        ),
    ])
    .await;
}
