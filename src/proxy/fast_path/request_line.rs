//! The request line of a plain request: a GET in origin form over HTTP/1.1 (RFC 9112 section 3).

use crate::proxy::guard::head::HeadLimits;
use crate::proxy::guard::target::check;

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

/// The line at the start of `buffer`; none where there is no whole and valid one of this kind.
pub(super) fn read<'a>(buffer: &'a [u8], limits: &HeadLimits) -> Option<RequestLine<'a>> {
    let target = target(buffer)?;
    let bytes = TARGET_START + target.len() + END.len();
    let ends_well = buffer.get(TARGET_START + target.len()..)?.starts_with(END);
    let is_valid = target.len() <= limits.target_bytes && check(METHOD, target).is_ok();
    (ends_well && is_valid).then_some(RequestLine { target, bytes })
}

/// The target of the line at the start of `buffer`, where it begins with a slash.
pub(in crate::proxy) fn target(buffer: &[u8]) -> Option<&str> {
    let rest = buffer.strip_prefix(b"GET ")?;
    let bytes = memchr::memchr(b' ', rest)?;
    std::str::from_utf8(rest.get(..bytes)?).ok().filter(|target| target.starts_with('/'))
}
