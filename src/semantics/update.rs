//! How a 304 or a HEAD answer changes a stored response: RFC 9111 section 3.2, 4.3.4, 4.3.5.

use http::{HeaderMap, StatusCode};

/// What the answer to a validation means for the stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
    /// The stored response is confirmed: merge the fields.
    Confirmed,
    /// The 304 names another representation than the stored one: it confirms nothing.
    Mismatch,
}

/// Whether a 304 confirms the stored response (RFC 9111 section 4.3.4: strong, then weak validator).
#[must_use]
pub fn confirms(stored: &HeaderMap, not_modified: &HeaderMap) -> Validation {
    todo!("{stored:?} {not_modified:?}")
}

/// The stored headers with the new answer's in place of theirs, but for Content-Length, Content-Encoding,
/// Content-Type, Content-Range and hop-by-hop fields (RFC 9111 section 3.2).
#[must_use]
pub fn merged(stored: &HeaderMap, newer: &HeaderMap) -> HeaderMap {
    todo!("{stored:?} {newer:?}")
}

/// What an answer to HEAD says of a stored response to GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFreshening {
    /// Same representation: its headers update the stored ones.
    Update,
    /// Another representation: the stored response is stale from now on.
    Invalidate,
    /// Says nothing (not 200).
    Ignore,
}

/// Judges an answer to HEAD against a stored 200 to GET (RFC 9111 section 4.3.5).
#[must_use]
pub fn freshen_by_head(stored: &HeaderMap, stored_length: u64, status: StatusCode, head: &HeaderMap) -> HeadFreshening {
    todo!("{stored:?} {stored_length} {status} {head:?}")
}
