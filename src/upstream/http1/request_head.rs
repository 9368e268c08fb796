//! A request's head as it is sent, and what it says of the body: RFC 9112 section 3 and 6.

use crate::engine::request_fields::{RequestFields, SharedFields};
use crate::semantics::spelling::Spelling;
use http::Request;
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

/// How a request's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to be sent.
    Length(u64),
    Chunked,
}

/// Writes the head.
pub(super) fn write(head: &Request<RequestFields>, out: &mut Vec<u8>) -> Framing {
    let target = head.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = match head.body() {
        RequestFields::Own(spelling) => spelling.target(target),
        RequestFields::Shared(_) => target,
    };
    let shared = head.body().shared().map_or(b"".as_slice(), SharedFields::lines);
    let fields: usize = head.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    out.reserve(head.method().as_str().len() + target.len() + shared.len() + fields + 16);
    for part in [head.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(shared);
    match head.body() {
        RequestFields::Own(spelling) => write_fields(head.headers(), spelling, out),
        RequestFields::Shared(_) => write_fields(head.headers(), &Spelling::default(), out),
    }
    framing(head.headers())
}

/// Writes field lines, and the empty line after them.
pub(super) fn write_fields(fields: &HeaderMap, spelling: &Spelling, out: &mut Vec<u8>) {
    for (name, value) in fields {
        spelling.put_line(name, value, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// What the fields say, which were set to be true of the body.
fn framing(headers: &HeaderMap) -> Framing {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Framing::Chunked;
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    Framing::Length(length.unwrap_or(0))
}
