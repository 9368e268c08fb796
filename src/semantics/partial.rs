//! Storing and combining partial responses: RFC 9111 section 3.3 and 3.4, RFC 9110 section 14.4 and 15.3.7.3.

use super::range::ByteRange;
use http::HeaderMap;

/// The single part that a 206 carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it lies.
    pub range: ByteRange,
    /// The length of the whole, where told.
    pub complete_length: Option<u64>,
}

/// Reads the Content-Range of a 206 with a single part; none where it is absent, repeated, malformed or multipart.
#[must_use]
pub fn part_of(headers: &HeaderMap) -> Option<Part> {
    todo!("{headers:?}")
}
