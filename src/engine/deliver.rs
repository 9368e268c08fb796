//! A response made from a stored entry.

use super::origin::{Body, empty_body};
use crate::clock::Timestamp;
use crate::entry::Entry;
use http::{HeaderMap, Method, Response};
use std::sync::Arc;

/// The response to a request from an entry.
pub async fn deliver(_entry: &Arc<Entry>, _method: &Method, _presented: &HeaderMap, _now: Timestamp) -> Response<Body> {
    Response::new(empty_body())
}

/// Fields of a 304.
#[must_use]
pub fn not_modified_fields(headers: &HeaderMap) -> HeaderMap {
    headers.clone()
}
