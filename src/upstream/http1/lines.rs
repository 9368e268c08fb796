//! Which heads of answers can pass as the lines that they came as: those in which nothing but lengths, times and what concerns
//! the connection has to be read. All others become fields, see [`super::head`].

use super::reading::Framing;
use crate::semantics::answer_lines::AnswerLines;
use crate::semantics::chunks::{ChunkLimits, Chunks};
use crate::semantics::event_stream::is_event_stream_type;
use crate::upstream::content_length::{is_shortest, number};
use crate::upstream::framing::has_body;
use crate::upstream::keeping;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use std::ops::Range;
use std::time::Duration;

/// Whether the connection can carry another request after the answer: RFC 9112 section 9.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    Persists,
    Ends,
}

/// A head that can.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) status: StatusCode,
    pub(super) lines: AnswerLines,
    pub(super) framing: Framing,
    pub(super) persistence: Persistence,
    /// How long the server keeps the connection, where it says so.
    pub(super) kept_for: Option<Duration>,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Kept,
    /// It concerns the connection, or is replaced.
    LeftOut,
}

/// What the fields of a head say of its body and of the connection.
#[derive(Debug, Default)]
struct Said<'a> {
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
    keep_alive: Option<&'a [u8]>,
    request_id: Option<Range<usize>>,
}

/// The head of an answer to a request by `method`, if it is one of these.
pub(super) fn plain(head: &Bytes, parsed: &httparse::Response<'_, '_>, method: &Method) -> Option<Plain> {
    let status = StatusCode::from_u16(parsed.code?).ok()?;
    // Another server may be asked in place of one that answers 502, 503 or 504.
    let is_common = (200..500).contains(&status.as_u16()) && has_body(status, method) && parsed.version == Some(1);
    if !is_common || status.canonical_reason() != parsed.reason {
        return None;
    }
    let place = |part: &[u8]| part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
    let mut lines = AnswerLines::new(head.clone(), place(parsed.headers.first()?.name.as_bytes()))?;
    let mut said = Said::default();
    let mut start = place(parsed.headers.first()?.name.as_bytes());
    for field in parsed.headers.iter() {
        let (name, value) = (field.name.as_bytes(), field.value);
        let value_start = start + name.len() + 2;
        let end = value_start + value.len() + 2;
        // Written as lines are written here, and where the one before ends.
        let is_in_form = place(name) == start
            && place(value) == value_start
            && head.get(value_start - 2..value_start)? == b": "
            && head.get(end - 2..end)? == b"\r\n"
            && memchr::memchr(b'\n', value).is_none();
        if !is_in_form {
            return None;
        }
        match said.take(name, value, value_start, &mut lines)? {
            Line::Kept => lines.keep(end)?,
            Line::LeftOut => lines.leave_out(end)?,
        }
        start = end;
    }
    if let Some(place) = said.request_id {
        lines.request_id = HeaderValue::from_maybe_shared(lines.part(place)).ok();
    }
    let framing = match (said.length, said.is_chunked) {
        (Some(length), false) => Framing::Length(length),
        (None, true) => Framing::Chunked(Chunks::new(ChunkLimits::SERVER)),
        _ => return None,
    };
    lines.length = said.length;
    let persistence = if said.closes { Persistence::Ends } else { Persistence::Persists };
    Some(Plain { status, lines, framing, persistence, kept_for: said.keep_alive.and_then(keeping::said_by) })
}

impl<'a> Said<'a> {
    /// Takes a field in; `None` where more has to be read of it than is read here.
    fn take(&mut self, name: &[u8], value: &'a [u8], place: usize, lines: &mut AnswerLines) -> Option<Line> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            2 if is("te") => None,
            3 if is("age") && lines.age_secs.is_none() => {
                lines.age_secs = Some(std::str::from_utf8(value).ok()?.parse().ok()?);
                Some(Line::Kept)
            }
            3 if is("age") => None,
            4 if is("date") => {
                lines.has_date = true;
                Some(Line::Kept)
            }
            7 if is("trailer") || is("upgrade") => None,
            10 if is("connection") => {
                let closes = value.eq_ignore_ascii_case(b"close");
                self.closes |= closes;
                (closes || value.eq_ignore_ascii_case(b"keep-alive")).then_some(Line::LeftOut)
            }
            10 if is("keep-alive") => self.keep_alive.replace(value).is_none().then_some(Line::LeftOut),
            12 if is("content-type") => (!is_event_stream_type(value)).then_some(Line::Kept),
            12 if is("x-request-id") => {
                let is_first = self.request_id.replace(place..place + value.len()).is_none();
                is_first.then_some(Line::LeftOut)
            }
            14 if is("content-length") => {
                let length = number(value).filter(|_| is_shortest(value))?;
                self.length.replace(length).is_none().then_some(Line::Kept)
            }
            17 if is("transfer-encoding") => {
                let is_chunked = value.eq_ignore_ascii_case(b"chunked");
                (is_chunked && !std::mem::replace(&mut self.is_chunked, true)).then_some(Line::LeftOut)
            }
            14 if is("http2-settings") => None,
            16 if is("proxy-connection") => None,
            17 if is("x-accel-buffering") => None,
            18 if is("proxy-authenticate") => None,
            19 if is("proxy-authorization") => None,
            25 if is("proxy-authentication-info") => None,
            _ => Some(Line::Kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use httparse::EMPTY_HEADER;

    const STATUS: &str = "HTTP/1.1 200 OK\r\n";

    /// What a head with these lines comes to, if it is plain: what is written of it, and what is known besides.
    fn read(lines: &str) -> Option<(String, Plain)> {
        let head = Bytes::from(format!("{lines}\r\n"));
        let mut slots = [EMPTY_HEADER; 16];
        let mut parsed = httparse::Response::new(&mut slots);
        let mut config = httparse::ParserConfig::default();
        config.allow_spaces_after_header_name_in_responses(true).allow_obsolete_multiline_headers_in_responses(true);
        assert!(config.parse_response(&mut parsed, &head).unwrap().is_complete(), "{lines:?}");
        let plain = plain(&head, &parsed, &Method::GET)?;
        let mut written = Vec::new();
        plain.lines.write_into(&mut written);
        Some((String::from_utf8(written).unwrap(), plain))
    }

    #[test]
    fn lines_are_written_as_they_came_but_for_those_of_the_connection() {
        for (lines, expected) in [
            ("Content-Length: 3\r\n", "Content-Length: 3\r\n"),
            ("CONTENT-length: 0\r\nx-A: b  c\r\n", "CONTENT-length: 0\r\nx-A: b  c\r\n"),
            ("Connection: keep-alive\r\nContent-Length: 3\r\nKeep-Alive: timeout=5\r\n", "Content-Length: 3\r\n"),
            ("A: 1\r\nTransfer-Encoding: Chunked\r\nB: 2\r\nB: 3\r\n", "A: 1\r\nB: 2\r\nB: 3\r\n"),
            (
                "Set-Cookie: a\r\nX-Request-Id: o\r\nSet-Cookie: b\r\nContent-Length: 1\r\n",
                "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 1\r\n",
            ),
        ] {
            let (written, _) = read(&format!("{STATUS}{lines}")).unwrap();
            assert_eq!(written, expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_known_of_a_head_is_read_from_its_lines() {
        let (_, plain) = read(&format!(
            "{STATUS}Age: 7\r\nDate: x\r\nContent-Length: 12\r\nConnection: close\r\nKeep-Alive: timeout=8\r\nX-Request-ID: o\r\n"
        ))
        .unwrap();
        let lines = &plain.lines;
        assert_eq!(
            (lines.age_secs, lines.has_date, lines.request_id.as_ref()),
            (Some(7), true, Some(&HeaderValue::from_static("o")))
        );
        assert!(matches!(plain.framing, Framing::Length(12)));
        assert_eq!((plain.persistence, plain.kept_for), (Persistence::Ends, keeping::said_by(b"timeout=8")));
        let (_, plain) = read(&format!("{STATUS}Transfer-Encoding: chunked\r\n")).unwrap();
        assert!(matches!(plain.framing, Framing::Chunked(_)));
        assert_eq!((plain.persistence, plain.kept_for, plain.lines.has_date), (Persistence::Persists, None, false));
    }

    #[test]
    fn heads_of_which_more_has_to_be_read_are_not_plain() {
        for head in [
            // Without a length, or with a doubtful one.
            "HTTP/1.1 200 OK\r\nA: b\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 03\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
            // Which may be read in other ways than as they are written here.
            "HTTP/1.1 200 OK\r\nContent-Length:3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b \r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n c\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA:\r\n",
            "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n",
            // Of which something concerns more than the body.
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close, x\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: upgrade\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nUpgrade: h2c\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTE: trailers\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nProxy-Connection: close\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nHTTP2-Settings: a\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nProxy-Authenticate: a\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nProxy-Authorization: a\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nProxy-Authentication-Info: a\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Accel-Buffering: no\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nAge: x\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nAge: 1\r\nAge: 2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n",
            // Of other kinds of answers.
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n",
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n",
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n",
        ] {
            assert!(read(head).is_none(), "{head:?}");
        }
    }
}
