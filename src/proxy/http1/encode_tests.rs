//! Heads, trailers and chunk sizes as they are written.

use super::*;
use http::HeaderValue;
use http::header::UPGRADE;

fn written(response: &Response<()>, version: Version, persistence: Persistence, length: Length) -> String {
    let mut out = Vec::new();
    write_head(response, Manner { version, persistence, length }, &Came::default(), &mut out);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.split("\r\n").filter(|line| !line.starts_with("date: ")).collect();
    lines.join("\n")
}

#[test]
fn the_version_the_length_and_the_connection_decide_how_a_body_is_framed() {
    use Persistence::{Closes, Persists};
    for (version, persistence, length, expected) in [
        (Version::HTTP_11, Persists, Length::Known(7), "HTTP/1.1 200 OK\ncontent-length: 7\nx: y\n\n"),
        (Version::HTTP_11, Closes, Length::Known(0), "HTTP/1.1 200 OK\ncontent-length: 0\nx: y\nconnection: close\n\n"),
        (Version::HTTP_11, Persists, Length::Framed, "HTTP/1.1 200 OK\nx: y\ntransfer-encoding: chunked\n\n"),
        (Version::HTTP_11, Persists, Length::NoBody(None), "HTTP/1.1 200 OK\nx: y\n\n"),
        (Version::HTTP_11, Persists, Length::NoBody(Some(9)), "HTTP/1.1 200 OK\ncontent-length: 9\nx: y\n\n"),
        (
            Version::HTTP_10,
            Persists,
            Length::Known(7),
            "HTTP/1.0 200 OK\ncontent-length: 7\nx: y\nconnection: keep-alive\n\n",
        ),
        (Version::HTTP_10, Closes, Length::UntilClose, "HTTP/1.0 200 OK\nx: y\nconnection: close\n\n"),
    ] {
        // Whatever is said of framing and connection beside that is not passed on.
        let response = Response::builder().header(CONTENT_LENGTH, "5").header(CONTENT_LENGTH, "6").header("x", "y");
        let response = response.header(TRANSFER_ENCODING, "gzip").header(CONNECTION, "x").body(()).unwrap();
        assert_eq!(written(&response, version, persistence, length), expected);
    }
}

#[test]
fn a_change_of_protocols_keeps_its_fields() {
    let response = Response::builder().status(101).header(CONNECTION, "upgrade").header(UPGRADE, "a").body(()).unwrap();
    let head = written(&response, Version::HTTP_11, Persistence::Persists, Length::NoBody(None));
    assert_eq!(head, "HTTP/1.1 101 Switching Protocols\nconnection: upgrade\nupgrade: a\n\n");
}

#[test]
fn a_date_is_added_where_there_is_none() {
    for (given, lines) in [(None, 1), (Some("Sun, 06 Nov 1994 08:49:37 GMT"), 1)] {
        let mut response = Response::new(());
        if let Some(date) = given {
            response.headers_mut().insert(DATE, HeaderValue::from_static(date));
        }
        let mut out = Vec::new();
        let manner =
            Manner { version: Version::HTTP_11, persistence: Persistence::Persists, length: Length::NoBody(None) };
        write_head(&response, manner, &Came::default(), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("date: ").count(), lines, "{text}");
        assert!(given.is_none_or(|date| text.contains(date)), "{text}");
    }
}

#[test]
fn chunk_sizes_are_hexadecimal() {
    for (bytes, expected) in [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (4096, "1000\r\n"), (65_535, "ffff\r\n")] {
        let mut out = Vec::new();
        write_chunk_size(bytes, &mut out);
        assert_eq!(out, expected.as_bytes());
    }
}

#[test]
fn rfc_9110_6_5_1_trailers_are_those_announced_to_a_client_that_takes_them() {
    let mut headers = HeaderMap::new();
    headers.append(TRAILER, HeaderValue::from_static("Digest, content-length"));
    headers.append(TRAILER, HeaderValue::from_static("x-sum"));
    assert!(announced_trailers(&headers, Trailers::Unwanted).is_empty());
    let announced = announced_trailers(&headers, Trailers::Taken);
    let trailers = [("digest", "a"), ("content-length", "1"), ("x-other", "b"), ("x-sum", "c")];
    let trailers = trailers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let mut out = Vec::new();
    write_trailers(&HeaderMap::from_iter(trailers), &announced, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "0\r\ndigest: a\r\nx-sum: c\r\n\r\n");
}
