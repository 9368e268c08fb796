//! Errors of Larder's own, as a client sees them: RFC 9457, with Proxy-Status (RFC 9209). Nothing of what lies beneath.

use super::refusal::Refusal;
use super::request_id::RequestId;
use crate::engine::Failure;
use crate::engine::origin::Body;
use crate::semantics::proxy_status::error_type;
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde::Serialize;

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    reason: &'a str,
    request_id: String,
}

/// The answer to a request that the engine could not answer.
pub(super) fn of_failure(failure: &Failure, id: &RequestId) -> Response<Body> {
    let reason = failure.reason;
    let mut response = problem(failure.status, reason.label(), reason.explanation(), error_type(reason), id);
    if let Some(retry_after) = &failure.retry_after {
        response.headers_mut().insert(RETRY_AFTER, retry_after.clone());
    }
    response
}

/// The answer to a request that was refused.
pub(super) fn of_refusal(refusal: Refusal, id: &RequestId) -> Response<Body> {
    let error = match refusal {
        Refusal::HeadTooLarge | Refusal::TooManyFields | Refusal::TargetTooLong => "http_request_denied",
        _ => "http_request_error",
    };
    problem(refusal.status(), refusal.label(), refusal.explanation(), Some(error), id)
}

/// The answer to a change of protocols that the origin may not make.
pub(super) fn of_switch(id: &RequestId) -> Response<Body> {
    of_failure(&Failure::of(StatusCode::BAD_GATEWAY, Reason::UpstreamInvalid), id)
}

/// The answer where Larder itself is at fault.
pub(super) fn of_panic(id: &RequestId) -> Response<Body> {
    let detail = "Something is wrong with this proxy. Its log says more under the request id.";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail, Some("proxy_internal_error"), id)
}

fn problem(
    status: StatusCode,
    reason: &str,
    detail: &str,
    proxy_error: Option<&str>,
    id: &RequestId,
) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or("Error");
    let request_id = id.to_string();
    let problem = Problem { kind: "about:blank", title, status: status.as_u16(), detail, reason, request_id };
    let json = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(json)).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let proxy_status = proxy_error.map(|error| format!("larder; error={error}; details=\"{reason}\""));
    if let Some(Ok(value)) = proxy_status.map(HeaderValue::try_from) {
        headers.insert(PROXY_STATUS, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_reason_and_nothing_of_what_lies_beneath() {
        let cause = Some("10.0.0.7:8000 refused".into());
        let failure = Failure { cause, ..Failure::of(StatusCode::BAD_GATEWAY, Reason::UpstreamConnect) };
        let response = of_failure(&failure, &RequestId::random());
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[PROXY_STATUS], "larder; error=connection_refused; details=\"upstream-connect\"");
    }
}
