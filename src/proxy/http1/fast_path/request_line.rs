//! The request line of a plain request: a GET in origin form over HTTP/1.1 (RFC 9112 section 3).

use crate::proxy::http1::head::{Head, HeadLimits};
use crate::proxy::http1::target::{Form, check};
use http::{Method, Version};
use std::ops::Range;

const METHOD: &str = "GET";
/// Between method and target.
const TARGET_START: usize = METHOD.len() + 1;
/// What follows the target.
const END: &[u8] = b" HTTP/1.1\r\n";

/// A valid line.
pub(super) struct RequestLine<'a> {
    /// Path and query as sent.
    pub(super) target: &'a str,
    /// The line's length with its CRLF.
    pub(super) bytes: usize,
}

impl<'a> RequestLine<'a> {
    /// That of a head, where it is of this kind.
    pub(super) fn of(head: &'a Head) -> Option<Self> {
        let is_plain = head.method == Method::GET && head.version == Version::HTTP_11 && head.target.scheme().is_none();
        let target = head.target.path_and_query().filter(|_| is_plain)?.as_str();
        // One that came raw goes the ordinary way.
        let is_as_it_came = check(METHOD, target) == Ok(Form::Plain)
            && head.whole.get(TARGET_START + target.len()..).is_some_and(|rest| rest.starts_with(END));
        is_as_it_came.then_some(Self { target, bytes: TARGET_START + target.len() + END.len() })
    }

    /// Where the target lies in the buffer.
    pub(super) const fn target_range(&self) -> Range<usize> {
        TARGET_START..TARGET_START + self.target.len()
    }
}

/// The line at the start of `buffer`; `None` if there is no whole and valid one of this kind.
pub(super) fn read<'a>(buffer: &'a [u8], limits: &HeadLimits) -> Option<RequestLine<'a>> {
    let rest = buffer.strip_prefix(b"GET ")?;
    let target = std::str::from_utf8(rest.get(..memchr::memchr(b' ', rest)?)?).ok()?;
    let bytes = TARGET_START + target.len() + END.len();
    let ends_well = buffer.get(TARGET_START + target.len()..)?.starts_with(END);
    let is_valid =
        target.starts_with('/') && target.len() <= limits.target_bytes && check(METHOD, target) == Ok(Form::Plain);
    (ends_well && is_valid).then_some(RequestLine { target, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::http1::head::read_head;
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits { head_bytes: 4096, fields: 16, target_bytes: 64 };
    const FIELDS: &str = "Host: shop\r\n\r\n";

    #[test]
    fn only_a_get_in_origin_form_over_http_1_1_is_taken() {
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(64));
        for (line, expected) in [
            ("GET / HTTP/1.1\r\n", Some("/")),
            ("GET /a?b=c&d HTTP/1.1\r\n", Some("/a?b=c&d")),
            ("GET //a HTTP/1.1\r\n", Some("//a")),
            ("GET / HTTP/1.0\r\n", None),
            ("GET / HTTP/1.1\n", None),
            ("GET /  HTTP/1.1\r\n", None),
            ("GET  / HTTP/1.1\r\n", None),
            ("get / HTTP/1.1\r\n", None),
            ("HEAD / HTTP/1.1\r\n", None),
            ("GET http://shop/ HTTP/1.1\r\n", None),
            ("GET * HTTP/1.1\r\n", None),
            ("GET /a#b HTTP/1.1\r\n", None),
            ("GET /\u{e9} HTTP/1.1\r\n", None),
            (&long, None),
            ("GET /", None),
            ("", None),
        ] {
            assert_eq!(read(line.as_bytes(), &LIMITS).map(|line| line.target), expected, "{line:?}");
        }
    }

    /// Lines made of what could make two readers of one disagree.
    fn line() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a",
            "/",
            "?",
            "=",
            " ",
            "  ",
            "\t",
            "\r",
            "\n",
            "\r\n",
            "\0",
            "#",
            "%2F",
            "%",
            "\\",
            "\"",
            "<",
            "\u{e9}",
            "GET",
            "HTTP/1.1",
            " HTTP/1.1\r\n",
            "Host: other\r\n",
        ]);
        prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("GET /{} HTTP/1.1\r\n", pieces.concat()))
    }

    proptest! {
        #[test]
        fn what_is_taken_the_guard_reads_alike(line in line()) {
            let request = format!("{line}{FIELDS}");
            if let Some(taken) = read(request.as_bytes(), &LIMITS) {
                // Fields that the line brought along may be refused, and then nothing is answered; the line is not.
                if let Ok(head) = read_head(request.as_bytes(), &LIMITS) {
                    let head = head.expect("it is whole");
                    let again = RequestLine::of(&head).expect("it is a GET in origin form over HTTP/1.1");
                    prop_assert_eq!((again.target, again.bytes), (taken.target, taken.bytes));
                } else {
                    prop_assert!(taken.bytes < line.len(), "{:?} is refused", line);
                }
            }
        }
    }
}
