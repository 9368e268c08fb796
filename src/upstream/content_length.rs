//! Content-Length as a number, read and said: RFC 9110 section 8.6.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue};

/// Has the fields say this length once. Where they do, they stay as they came.
pub(super) fn say_length(headers: &mut HeaderMap, length: u64) {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let says = |line: &HeaderValue| number(line.as_bytes()) == Some(length) && is_shortest(line.as_bytes());
    if !lines.next().is_some_and(says) || lines.next().is_some() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Whether a number has neither space around it nor zeros before it.
pub(super) fn is_shortest(number: &[u8]) -> bool {
    number.iter().all(u8::is_ascii_digit) && (number.len() == 1 || !number.starts_with(b"0"))
}

/// The number that one member says.
pub(super) fn number(member: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(member.trim_ascii()).ok()?;
    // The crate's parser takes a sign, too.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
