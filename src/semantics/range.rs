//! Byte ranges: RFC 9110 section 14, If-Range of section 13.1.5.

use crate::clock::Timestamp;
use http::{HeaderMap, HeaderValue};

/// A satisfiable range of bytes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub first: u64,
    /// Last byte.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes; never zero.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a request's Range and If-Range ask of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeVerdict {
    /// The whole: no range, one that is not understood, or If-Range does not hold.
    Whole,
    /// One part: 206 with Content-Range.
    Single(ByteRange),
    /// Several parts: 206 multipart/byteranges.
    Multiple(Vec<ByteRange>),
    /// 416 with `Content-Range: bytes */length`.
    NotSatisfiable,
}

/// Resolves Range and If-Range of a GET against the representation that would be sent: its headers and its length
/// in bytes. Overlapping, too many (over 16) or unordered tiny ranges yield the whole (RFC 9110 section 14.2, 17.15).
#[must_use]
pub fn resolve(request: &HeaderMap, selected: &HeaderMap, length: u64, now: Timestamp) -> RangeVerdict {
    todo!("{request:?} {selected:?} {length} {now:?}")
}

/// `bytes first-last/length`
#[must_use]
pub fn content_range(range: ByteRange, length: u64) -> HeaderValue {
    todo!("{range:?} {length}")
}

/// `bytes */length`
#[must_use]
pub fn content_range_unsatisfied(length: u64) -> HeaderValue {
    todo!("{length}")
}
