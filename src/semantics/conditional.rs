//! Conditional requests: RFC 9110 section 13, from a client and to the origin.

use crate::clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// The fields that make a request conditional or partial; they never reach the origin on a cacheable fetch.
pub const CONDITIONAL_FIELDS: [HeaderName; 6] = [
    http::header::IF_MATCH,
    http::header::IF_NONE_MATCH,
    http::header::IF_MODIFIED_SINCE,
    http::header::IF_UNMODIFIED_SINCE,
    http::header::IF_RANGE,
    http::header::RANGE,
];

/// What a request's preconditions say of the selected representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Answer as if there were none.
    Proceed,
    /// 304 for GET and HEAD.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since in the order of RFC 9110 section 13.2.2
/// against the headers (ETag, Last-Modified, Date) of the representation that would be sent.
#[must_use]
pub fn evaluate(method: &Method, request: &HeaderMap, selected: &HeaderMap, now: Timestamp) -> Precondition {
    todo!("{method} {request:?} {selected:?} {now:?}")
}

/// The fields that validate a stored response at the origin (If-None-Match, If-Modified-Since): RFC 9111 section 4.3.1.
/// Empty where it has no validator.
#[must_use]
pub fn validation_fields(stored: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    todo!("{stored:?}")
}
