//! One head at a time.

use super::*;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, fields: 8, target_bytes: 64 };

fn read(head: &str) -> Result<Option<Head>, Refusal> {
    read_head(head.as_bytes(), &LIMITS)
}

#[test]
fn a_head_becomes_the_parts_of_a_request() {
    let bytes = "POST /a?b HTTP/1.1\r\nHost: shop\r\nContent-Length: 12\r\n\r\nbody";
    let head = read(bytes).unwrap().unwrap();
    assert_eq!((head.method.as_str(), head.target.to_string().as_str()), ("POST", "/a?b"));
    assert_eq!(
        (head.fields.len(), head.fields["host"].as_bytes(), head.fields["content-length"].as_bytes()),
        (2, &b"shop"[..], &b"12"[..])
    );
    assert_eq!(&bytes[head.bytes..], "body");
    assert_eq!((head.version, head.framing, head.next), (Version::HTTP_11, Framing::Length(12), Next::Request));
}

#[test]
fn the_framing_is_read_from_the_fields() {
    for (fields, expected) in [
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::None),
        ("content-length: 007\r\n", Framing::Length(7)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding:CHUNKED\t\r\n", Framing::Chunked),
    ] {
        let head = read(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).unwrap().unwrap();
        assert_eq!(head.framing, expected, "{fields:?}");
    }
}

#[test]
fn another_protocol_may_follow_only_where_both_fields_ask_for_it_and_never_h2c() {
    for (fields, version, expected) in [
        ("Upgrade: websocket\r\nConnection: upgrade\r\n", "1.1", Next::Upgrade),
        ("Connection: keep-alive\r\nConnection: te, UPGRADE\r\nUpgrade: a/1, b\r\n", "1.1", Next::Upgrade),
        ("Upgrade: websocket\r\n", "1.1", Next::Request),
        ("Connection: upgrade\r\n", "1.1", Next::Request),
        ("Upgrade: websocket\r\nConnection: upgrade\r\n", "1.0", Next::Request),
        ("Upgrade: h2c\r\nConnection: upgrade, HTTP2-Settings\r\n", "1.1", Next::Request),
        ("Upgrade: H2C, h2c/1,\r\nConnection: upgrade\r\n", "1.1", Next::Request),
        ("Upgrade: websocket, H2C\r\nConnection: upgrade\r\n", "1.1", Next::Upgrade),
        ("Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", "1.1", Next::Upgrade),
    ] {
        let head = read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).unwrap().unwrap();
        assert_eq!(head.next, expected, "{fields:?}");
    }
}

#[test]
fn a_head_that_is_not_complete_waits() {
    for head in ["G", "GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"] {
        assert_eq!(read(head), Ok(None), "{head:?}");
    }
}

#[test]
fn more_field_lines_than_fit_the_stack_are_parsed_too() {
    let limits = HeadLimits { head_bytes: 65_536, fields: 1000, target_bytes: 64 };
    let fields: String = "X: a\r\n".repeat(900);
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    assert_eq!(read_head(head.as_bytes(), &limits).unwrap().unwrap().bytes, head.len());
}

#[test]
fn rfc_9112_9_3_the_connection_persists_where_the_version_or_the_fields_say_so() {
    for (version, fields, expected) in [
        ("1.1", "", Persistence::Persists),
        ("1.1", "Connection: keep-alive\r\n", Persistence::Persists),
        ("1.1", "Connection: x, Close\r\n", Persistence::Closes),
        ("1.1", "Connection: close\r\nConnection: keep-alive\r\n", Persistence::Closes),
        ("1.0", "", Persistence::Closes),
        ("1.0", "Connection: Keep-Alive\r\n", Persistence::Persists),
        ("1.0", "Connection: keep-alive, close\r\n", Persistence::Closes),
    ] {
        let head = read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).unwrap().unwrap();
        assert_eq!(head.persistence, expected, "{version} {fields:?}");
    }
}

#[test]
fn what_a_client_waits_for_and_takes_is_read_from_the_fields() {
    for (version, fields, expected) in [
        ("1.1", "", (Expects::Nothing, Trailers::Unwanted)),
        ("1.1", "Expect: 100-Continue\r\nTE: trailers\r\n", (Expects::Continue, Trailers::Taken)),
        ("1.1", "Expect: 200-ok\r\nTE: gzip;q=1, Trailers\r\n", (Expects::Nothing, Trailers::Taken)),
        ("1.1", "TE: trailers;q=0\r\n", (Expects::Nothing, Trailers::Unwanted)),
        ("1.0", "Expect: 100-continue\r\n", (Expects::Nothing, Trailers::Unwanted)),
    ] {
        let head = read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).unwrap().unwrap();
        assert_eq!((head.expects, head.trailers), expected, "{version} {fields:?}");
    }
}
