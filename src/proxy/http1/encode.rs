//! Writes the heads of answers, and what frames their bodies: RFC 9112 sections 4 to 7.

use super::head::{Persistence, Trailers};
use crate::clock::{Clock as _, SystemClock};
use crate::engine::exchange::Came;
use crate::proxy::lines::write_status_line;
use crate::proxy::response_body::Length;
use crate::semantics::cache_status::put_decimal;
use crate::semantics::date::format_http_date;
use crate::semantics::spelling::Spelling;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE,
    HOST, MAX_FORWARDS, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, Response, StatusCode, Version};

/// Ends a chunked body that has no trailers.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How the head of an answer is written, besides what the answer says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// The client's version.
    pub(super) version: Version,
    /// Whether the connection goes on.
    pub(super) persistence: Persistence,
    /// How the client knows where the body ends.
    pub(super) length: Length,
}

/// Writes a whole head: the lines that it came as, if it came as lines, then the fields that it has besides.
pub(super) fn write_head<B>(response: &Response<B>, manner: Manner, came: &Came, out: &mut Vec<u8>) {
    let status = response.status();
    let reason = response.extensions().get::<hyper::ext::ReasonPhrase>().map(hyper::ext::ReasonPhrase::as_bytes);
    write_status_line(manner.version, status, reason, out);
    let length = manner.length.known();
    let unspelt = Spelling::default();
    let (spelling, mut has_length, mut has_date) = match came {
        Came::Fields(spelling) => (spelling, false, false),
        Came::Lines(lines) => {
            lines.write_into(out);
            // The length is among them, if there is one.
            (&unspelt, true, lines.has_date)
        }
    };
    for (name, value) in response.headers() {
        match *name {
            TRANSFER_ENCODING => {}
            CONTENT_LENGTH => {
                // Whatever it says, the body that is sent has one length.
                if let Some(bytes) = length.filter(|_| !has_length) {
                    write_length(spelling.name(name, value), bytes, out);
                    has_length = true;
                }
            }
            CONNECTION if status != StatusCode::SWITCHING_PROTOCOLS => {}
            TRAILER if manner.version == Version::HTTP_10 || !manner.length.is_body() => {}
            _ => {
                has_date |= *name == DATE;
                spelling.put_line(name, value, out);
            }
        }
    }
    match (length, manner.length) {
        (Some(bytes), _) if !has_length => write_length(CONTENT_LENGTH.as_str().as_bytes(), bytes, out),
        (_, Length::Framed) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        _ => {}
    }
    match (manner.persistence, manner.version) {
        (Persistence::Closes, _) => out.extend_from_slice(b"connection: close\r\n"),
        (Persistence::Persists, Version::HTTP_10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (Persistence::Persists, _) => {}
    }
    if !has_date {
        write_date(out);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_length(name: &[u8], bytes: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    put_decimal(out, bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes the present as the Date of an answer that has none: RFC 9110 section 6.6.1.
fn write_date(out: &mut Vec<u8>) {
    let date = format_http_date(SystemClock::default().now());
    Spelling::default().put_line(&DATE, &date, out);
}

/// Writes what stands before the data of a chunk.
pub(super) fn write_chunk_size(bytes: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - (bytes | 1).leading_zeros()).div_ceil(4);
    out.extend((0..digits).rev().map(|place| DIGITS[bytes >> (4 * place) & 0xf]));
    out.extend_from_slice(b"\r\n");
}

/// The names of the trailers that may be sent behind an answer with these fields: those that its Trailer field names.
pub(super) fn announced_trailers(headers: &HeaderMap, trailers: Trailers) -> Vec<HeaderName> {
    if trailers == Trailers::Unwanted || !headers.contains_key(TRAILER) {
        return Vec::new();
    }
    let lines = headers.get_all(TRAILER).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let names = lines.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    names.filter(may_stand_in_a_trailer).collect()
}

/// RFC 9110 section 6.5.1.
fn may_stand_in_a_trailer(name: &HeaderName) -> bool {
    ![
        AUTHORIZATION,
        CACHE_CONTROL,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        CONTENT_TYPE,
        HOST,
        MAX_FORWARDS,
        SET_COOKIE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
    ]
    .contains(name)
}

/// Ends a chunked body with those `trailers` that were `announced`.
pub(super) fn write_trailers(trailers: &HeaderMap, announced: &[HeaderName], out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter().filter(|(name, _)| announced.contains(name)) {
        Spelling::default().put_line(name, value, out);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
