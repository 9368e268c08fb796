//! JSON in and out.

use super::problem::Problem;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::time::Duration;

/// The most bytes of a call's body.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// A body as read, or why it could not be.
pub(super) type ReadBody = Result<Bytes, BytesRejection>;

/// The bytes of a body.
pub(super) fn body_bytes(body: ReadBody) -> Result<Bytes, Problem> {
    body.map_err(|rejection| match rejection.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(status, format!("a body may have at most {BODY_BYTES_MAX} bytes"))
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "the body could not be read to its end"),
    })
}

/// Reads a JSON object into `T`. What the JSON parser says names the unknown, missing or repeated field.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A parser would take an array for an object, its items for the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the body is not a JSON object"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not the JSON wanted: {error}")))
}

/// What every answer says of itself: it is nobody's to keep, and is what its type says.
pub(super) fn seal(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Server-sent events as they come. A proxy in front would otherwise keep events back until it has many of them.
pub(super) fn events(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let fields = [(CONTENT_TYPE.as_str(), "text/event-stream"), ("x-accel-buffering", "no")];
    (fields, Body::from_stream(chunks.map(Ok::<_, Infallible>))).into_response()
}

/// A duration in milliseconds, for people and dashboards.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_for_people() {
        assert!((millis(Duration::from_nanos(1_234_567)) - 1.235).abs() < 1e-9);
    }
}
