//! A request as an access log tells of it: the lines of Larder, JSON and text, and of nginx and Apache in the common and
//! combined formats, also with a virtual host in front.
//!
//! What a line says was written by strangers: each is parsed by itself, and one that says something else is damaged.

use serde::Deserialize;
use std::borrow::Cow;

/// The longest line that is read, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded<'a> {
    /// Its method.
    pub(crate) method: Cow<'a, str>,
    /// Its target as the client sent it: a path with its query, or an absolute URL.
    pub(crate) target: Cow<'a, str>,
    /// The host, where the log tells it.
    pub(crate) host: Option<Cow<'a, str>>,
    /// The status of the answer; `None` if there was none.
    pub(crate) status: Option<u16>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A request.
    Request(Recorded<'a>),
    /// Nothing, or a message of another kind in Larder's own log.
    Other,
    /// No line of a log that is known.
    Damaged,
}

/// Reads one line, without its end.
pub(crate) fn read(line: &[u8]) -> Line<'_> {
    let Ok(line) = std::str::from_utf8(line) else { return Line::Damaged };
    let line = line.trim();
    match line.as_bytes().first() {
        None => Line::Other,
        Some(b'{') => json(line),
        Some(_) => text(line).map_or(Line::Damaged, Line::Request),
    }
}

/// What of Larder's JSON is read here.
#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    target: Option<Cow<'a, str>>,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
    status: Option<u16>,
}

fn json(line: &str) -> Line<'_> {
    let Ok(Json { message, method, target, host, status }) = serde_json::from_str(line) else { return Line::Damaged };
    match (message.as_deref(), method, target) {
        (Some("request") | None, Some(method), Some(target)) => {
            Line::Request(Recorded { method, target, host, status })
        }
        // Larder's other messages, and requests that were refused before they had a target.
        (Some(_), _, _) => Line::Other,
        (None, _, _) => Line::Damaged,
    }
}

/// `CLIENT IDENT USER [TIME] "METHOD TARGET VERSION" STATUS …`, or Larder's `TIME CLIENT "METHOD TARGET VERSION" STATUS …`.
fn text(line: &str) -> Option<Recorded<'_>> {
    let (before, rest) = line.split_once('"')?;
    let (request, after) = quoted(rest)?;
    let status = after.split_ascii_whitespace().next()?;
    let status = if status == "-" { None } else { Some(status.parse().ok().filter(|s| (100..1000).contains(s))?) };
    let host = match before.split_once('[') {
        Some((names, _)) => virtual_host(names).map(Cow::Borrowed),
        None => larder_host(after),
    };
    let (method, target) = match request {
        Cow::Borrowed(request) => {
            let (method, target) = request_line(request)?;
            (Cow::Borrowed(method), Cow::Borrowed(target))
        }
        Cow::Owned(request) => {
            let (method, target) = request_line(&request)?;
            (Cow::Owned(method.to_owned()), Cow::Owned(target.to_owned()))
        }
    };
    Some(Recorded { method, target, host, status })
}

fn request_line(request: &str) -> Option<(&str, &str)> {
    let mut words = request.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next());
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_request = is_method
        && !target.is_empty()
        && version.is_none_or(|version| version.starts_with("HTTP/"))
        && words.next().is_none();
    is_request.then_some((method, target))
}

/// What stands before the closing quote, unescaped, and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut unescaped = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'"', _) => return Some((Cow::Owned(String::from_utf8(unescaped).ok()?), &text[at + 1..])),
            (b'\\', Some(b'x')) => {
                unescaped.push(u8::from_str_radix(text.get(at + 2..at + 4)?, 16).ok()?);
                at += 4;
            }
            (b'\\', Some(escaped)) => {
                unescaped.push(*escaped);
                at += 2;
            }
            (byte, _) => {
                unescaped.push(*byte);
                at += 1;
            }
        }
    }
    None
}

/// The virtual host in front of client, identity and user.
fn virtual_host(names: &str) -> Option<&str> {
    let mut words = names.split_ascii_whitespace();
    let first = words.next()?;
    (words.count() == 3).then_some(first)
}

/// `host="…"` among what Larder adds to a line.
fn larder_host(after: &str) -> Option<Cow<'_, str>> {
    let (_, rest) = after.split_once(" host=\"")?;
    quoted(rest).map(|(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, &str, Option<&str>, Option<u16>)>) {
        let read = match read(line.as_bytes()) {
            Line::Request(recorded) => Some(recorded),
            Line::Other | Line::Damaged => None,
        };
        let read = read.as_ref().map(|r| (r.method.as_ref(), r.target.as_ref(), r.host.as_deref(), r.status));
        assert_eq!(read, expected, "{line}");
    }

    #[test]
    fn a_request_is_read_from_the_lines_of_each_format() {
        let common = r#"192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?q=1 HTTP/1.0" 200 2326"#;
        check(common, Some(("GET", "/a?q=1", None, Some(200))));
        let combined = r#"::1 - - [x] "HEAD /a HTTP/1.1" 304 0 "http://ref/" "Mozilla/5.0 (\"x\")""#;
        check(combined, Some(("HEAD", "/a", None, Some(304))));
        let hosted = r#"shop.example:443 192.0.2.7 - - [x] "GET /a HTTP/2.0" 404 1 "-" "-""#;
        check(hosted, Some(("GET", "/a", Some("shop.example:443"), Some(404))));
        let escaped = r#"192.0.2.7 - - [x] "GET /\x22a\"\\ HTTP/1.1" 200 1"#;
        check(escaped, Some(("GET", "/\"a\"\\", None, Some(200))));
        let larder = r#"2026-01-01T00:00:00Z 192.0.2.7 "GET /a HTTP/1.1" 200 10 42us id=1 outcome=hit host="shop" x=1"#;
        check(larder, Some(("GET", "/a", Some("shop"), Some(200))));
        let json = r#"{"time":"x","message":"request","method":"GET","target":"/a\u0026b","status":null,"host":"shop","n":[1]}"#;
        check(json, Some(("GET", "/a&b", Some("shop"), None)));
        let absolute = r#"192.0.2.7 - - [x] "GET http://shop/a HTTP/1.1" - 1"#;
        check(absolute, Some(("GET", "http://shop/a", None, None)));
    }

    #[test]
    fn other_messages_and_empty_lines_are_no_damage_and_all_else_is() {
        for line in ["", "  ", r#"{"message":"the rules were reloaded"}"#, r#"{"message":"request","first_line":"x"}"#]
        {
            assert_eq!(read(line.as_bytes()), Line::Other, "{line}");
        }
        for line in [
            "hello",
            "{",
            "{}",
            r#"{"message":7}"#,
            r#"192.0.2.7 - - [x] "GET /a HTTP/1.1"#,
            r#"192.0.2.7 - - [x] "GET /a HTTP/1.1" OK"#,
            r#"192.0.2.7 - - [x] "GET /a HTTP/1.1" 99999"#,
            r#"192.0.2.7 - - [x] "GET" 200"#,
            r#"192.0.2.7 - - [x] "\x16\x03\x01" 400 0"#,
            r#"192.0.2.7 - - [x] "GET /a b HTTP/1.1" 200 1"#,
            r#"192.0.2.7 - - [x] "GET /\xzz HTTP/1.1" 200 1"#,
        ] {
            assert_eq!(read(line.as_bytes()), Line::Damaged, "{line}");
        }
        assert_eq!(read(b"\xff\xfe"), Line::Damaged);
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&line);
            let _ = read(&[br#"a - - [x] "GET /"#, &line[..], br#"" 200"#].concat());
        }
    }
}
