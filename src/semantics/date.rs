//! HTTP dates in all three formats: RFC 9110 section 5.6.7.

use crate::clock::Timestamp;
use http::HeaderValue;

/// Reads an HTTP date in any of the three formats, strictly but for letter case.
/// A two-digit year more than 50 years after `now` means the century before.
#[must_use]
pub fn parse_http_date(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    todo!("{text:?} {now:?}")
}

/// Writes `at` as an IMF-fixdate.
#[must_use]
pub fn format_http_date(at: Timestamp) -> HeaderValue {
    todo!("{at:?}")
}
