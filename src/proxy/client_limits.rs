//! The answer to a client that has as much as `limits.per_client` allows: 429 (RFC 6585 section 4), when to come back, and
//! what the limit is, in the RateLimit fields (draft-ietf-httpapi-ratelimit-headers-10).

use super::problem;
use super::record::Record;
use super::server::Server;
use super::socket::ConnectionFacts;
use crate::clients::{ClientLimits, TooMany};
use crate::engine::Failure;
use crate::engine::origin::Body;
use crate::engine::outcome::{Decision, Outcome};
use crate::semantics::reason::Reason;
use crate::semantics::trust::Way;
use http::header::CACHE_STATUS;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::time::Instant;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The answer to a request that comes at `now` where its client may make none; `None` if it may.
pub(super) fn refused<H>(
    server: &Server<H>,
    facts: &ConnectionFacts,
    way: &Way,
    now: Instant,
    record: &mut Record,
) -> Option<Response<Body>> {
    let client = server.options.entrance.trust.counted(way.client);
    let connection = facts.place.as_ref().filter(|place| !place.is_within());
    if let Some(connection) = connection {
        connection.refused();
        return Some(of(Reason::ClientConnections, server.clients.limits(), record));
    }
    let Err(TooMany) = server.clients.request(client, now) else { return None };
    server.clients.refused_request();
    Some(of(Reason::ClientRate, server.clients.limits(), record))
}

fn of(reason: Reason, limits: ClientLimits, record: &mut Record) -> Response<Body> {
    let mut response =
        problem::of_failure(&Failure::come_back(StatusCode::TOO_MANY_REQUESTS, reason), &record.finished.request_id);
    tell(reason, limits, response.headers_mut());
    // Neither a hit nor forwarded: RFC 9211 section 2 asks for none of both.
    if let Ok(status) = HeaderValue::try_from(format!("larder; detail={reason}")) {
        response.headers_mut().insert(CACHE_STATUS, status);
    }
    let outcome = Outcome::Error;
    record.finished.decision = Some(Decision { outcome, reason, route: None, cache_status: None, storing: None });
    response
}

/// Tells in an answer which limit was reached, if it was one of a client's that such fields have a unit for.
pub(super) fn tell(reason: Reason, limits: ClientLimits, headers: &mut HeaderMap) {
    let (policy, now) = match reason {
        Reason::ClientRate => (format!(";q={};w=1", limits.requests_per_second), ";r=0;t=1"),
        Reason::ClientMisses => (format!(";q={};qu=\"concurrent-requests\"", limits.misses), ";r=0"),
        _ => return,
    };
    for (name, parameters) in [(RATE_LIMIT_POLICY, policy.as_str()), (RATE_LIMIT, now)] {
        if let Ok(value) = HeaderValue::try_from(format!("\"{reason}\"{parameters}")) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_was_reached_is_told_as_structured_fields() {
        let limits = ClientLimits { connections: 1, requests_per_second: 50, misses: 4 };
        for (reason, policy, now) in [
            (Reason::ClientRate, "\"client-rate\";q=50;w=1", "\"client-rate\";r=0;t=1"),
            (Reason::ClientMisses, "\"client-misses\";q=4;qu=\"concurrent-requests\"", "\"client-misses\";r=0"),
        ] {
            let mut headers = HeaderMap::new();
            tell(reason, limits, &mut headers);
            assert_eq!(
                (&headers[RATE_LIMIT_POLICY], &headers[RATE_LIMIT]),
                (&policy.parse().unwrap(), &now.parse().unwrap())
            );
            for value in headers.values() {
                assert!(sfv::Parser::new(value.as_bytes()).parse::<sfv::List>().is_ok(), "{value:?}");
            }
        }
        let mut headers = HeaderMap::new();
        tell(Reason::ClientConnections, limits, &mut headers);
        assert!(headers.is_empty());
    }
}
