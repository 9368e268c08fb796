//! Which URLs a successful unsafe request invalidates: RFC 9111 section 4.4.

use super::target::Target;
use http::{HeaderMap, Method, StatusCode};

/// The targets that a response invalidates: the request's own, and those that Location and Content-Location name
/// on the same origin; none for a safe method or an unsuccessful status (anything but 2xx and 3xx).
#[must_use]
pub fn invalidated_targets(method: &Method, target: &Target, status: StatusCode, headers: &HeaderMap) -> Vec<Target> {
    todo!("{method} {target:?} {status} {headers:?}")
}
