//! What each side says of a case.

use super::case::{Case, RECEIVED};
use http::{Method, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};
use larder::testing::semantics::{
    Credentials, Exchange, ExchangeTimes, Judgement, RequestDirectives, ResponsePolicy, Storability, Validity, judge,
    storability,
};
use std::time::{Duration, UNIX_EPOCH};

/// Whether a response is stored, and what is then left of its lifetime when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not stored.
    Refused,
    /// It is stored.
    Stored {
        /// Remaining lifetime; zero where it is stale or must be validated.
        ttl: Duration,
    },
}

/// Larder's verdict.
pub(crate) fn by_larder(case: &Case) -> Verdict {
    let (request_headers, headers) = (case.request_headers(), case.response_headers());
    let times = ExchangeTimes { requested_at: RECEIVED, received_at: RECEIVED };
    let policy = ResponsePolicy::parse(status(case), &headers, times);
    let lifetime = policy.lifetime_by_origin();
    let exchange = Exchange {
        method: &method(case),
        request_directives: &RequestDirectives::parse(&request_headers),
        credentials: Credentials::of(&request_headers, &[]),
        headers: &headers,
        policy: &policy,
        lifetime: &lifetime,
    };
    if storability(&exchange) != Storability::Storable {
        return Verdict::Refused;
    }
    let now = RECEIVED.saturating_add(case.resident);
    match judge(&policy, &lifetime, Validity::ByAge, &RequestDirectives::default(), now) {
        Judgement::Fresh { ttl } => Verdict::Stored { ttl },
        _ => Verdict::Stored { ttl: Duration::ZERO },
    }
}

/// The oracle's verdict, as a shared cache.
pub(crate) fn by_oracle(case: &Case) -> Verdict {
    let mut request = Request::new(());
    *request.method_mut() = method(case);
    *request.headers_mut() = case.request_headers();
    let mut response = Response::new(());
    *response.status_mut() = status(case);
    *response.headers_mut() = case.response_headers();
    let received = UNIX_EPOCH + Duration::from_millis(RECEIVED.as_millis());
    let policy = CachePolicy::new_options(&request, &response, received, CacheOptions::default());
    if policy.is_storable() {
        Verdict::Stored { ttl: policy.time_to_live(received + case.resident) }
    } else {
        Verdict::Refused
    }
}

fn method(case: &Case) -> Method {
    Method::from_bytes(case.method.as_bytes()).expect("a method")
}

fn status(case: &Case) -> StatusCode {
    StatusCode::from_u16(case.status).expect("a status")
}
