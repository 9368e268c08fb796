//! Storability, RFC 9111 section 3.

use super::*;
use crate::clock::Timestamp;
use crate::semantics::policy::ExchangeTimes;
use http::Uri;
use http::uri::Scheme;
use proptest::prelude::*;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);
const HOUR_AGO: (&str, &str) = ("last-modified", "Sat, 21 Nov 2026 23:00:00 GMT");
const TAG: (&str, &str) = ("etag", "\"a\"");
const MAX_AGE: (&str, &str) = ("cache-control", "max-age=60");

type Lines<'a> = &'a [(&'static str, &'a str)];

fn headers(lines: Lines<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).expect("a field value"));
    }
    headers
}

fn target() -> Target {
    let host = headers(&[("host", "shop.example.com")]);
    Target::settle(&Uri::from_static("/api/search?q=a"), &host, &Scheme::HTTPS).expect("a target")
}

/// Why it may not be stored, if so.
const fn why_not(storability: Storability) -> Option<Reason> {
    match storability {
        Storability::Storable => None,
        Storability::NoLifetime => Some(Reason::NoLifetime),
        Storability::Refused(why) | Storability::RefusedByRequest(why) => Some(why),
    }
}

/// The verdict on one exchange; a lifetime of the route's where `route_ttl` gives one.
fn verdict(
    method: &Method,
    request: Lines<'_>,
    status: u16,
    response: Lines<'_>,
    route_ttl: Option<u64>,
) -> Storability {
    let (request_headers, headers) = (headers(request), headers(response));
    let times = ExchangeTimes { requested_at: NOW, received_at: NOW };
    let policy = ResponsePolicy::parse(StatusCode::from_u16(status).expect("a status"), &headers, times);
    let mut lifetime = policy.lifetime_by_origin();
    if let Some(secs) = route_ttl {
        lifetime.fresh_for = Duration::from_secs(secs);
        lifetime.source = LifetimeSource::Route;
    }
    let exchange = Exchange {
        method,
        request_directives: &RequestDirectives::parse(&request_headers),
        credentials: Credentials::of(&request_headers, &[]),
        headers: &headers,
        policy: &policy,
        lifetime: &lifetime,
    };
    if method == Method::POST { post_storability(&exchange, &target()) } else { storability(&exchange) }
}

fn get(request: Lines<'_>, status: u16, response: Lines<'_>) -> Storability {
    verdict(&Method::GET, request, status, response, None)
}

/// Each row: request headers, status, response headers, the reason of a refusal.
fn check(rows: &[(Lines<'_>, u16, Lines<'_>, Option<Reason>)]) {
    for (request, status, response, refusal) in rows {
        assert_eq!(why_not(get(request, *status, response)), *refusal, "{request:?} {status} {response:?}");
    }
}

#[test]
fn only_answers_to_get_are_stored() {
    for method in [Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let refused = Storability::RefusedByRequest(Reason::MethodNotStorable);
        assert_eq!(verdict(&method, &[], 200, &[MAX_AGE], None), refused, "{method}");
    }
    assert_eq!(get(&[], 200, &[MAX_AGE]), Storability::Storable);
}

#[test]
fn no_store_and_private_refuse_but_for_what_they_leave_open() {
    check(&[
        (&[], 200, &[("cache-control", "no-store")], Some(Reason::ResponseNoStore)),
        (&[], 200, &[("cache-control", "max-age=10000, No-StOrE")], Some(Reason::ResponseNoStore)),
        (&[("cache-control", "no-store")], 200, &[MAX_AGE], Some(Reason::RequestNoStore)),
        (&[("cache-control", "no-cache")], 200, &[MAX_AGE], None),
        (&[], 200, &[("cache-control", "private, max-age=3600")], Some(Reason::ResponsePrivate)),
        (&[], 200, &[("cache-control", "private=\"set-cookie\", max-age=3600")], None),
        // RFC 9213 section 2.2
        (&[], 200, &[MAX_AGE, ("cdn-cache-control", "no-store")], Some(Reason::ResponseNoStore)),
        (&[], 200, &[MAX_AGE, ("cdn-cache-control", "private")], Some(Reason::ResponsePrivate)),
        (&[], 200, &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=60")], None),
        (
            &[],
            200,
            &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=60, &")],
            Some(Reason::ResponseNoStore),
        ),
        (&[], 200, &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=\"60\"")], Some(Reason::NoLifetime)),
    ]);
}

#[test]
fn section_5_2_2_3_must_understand_overrules_no_store_for_statuses_that_are_understood() {
    let both = ("cache-control", "max-age=3600, no-store, must-understand");
    let alone = ("cache-control", "max-age=3600, must-understand");
    check(&[
        (&[], 200, &[both], None),
        (&[], 404, &[both], None),
        (&[], 599, &[both], Some(Reason::StatusNotUnderstood)),
        (&[], 299, &[alone], Some(Reason::StatusNotUnderstood)),
        (&[], 200, &[alone], None),
        (&[("cache-control", "no-store")], 200, &[both], Some(Reason::RequestNoStore)),
    ]);
}

#[test]
fn section_3_5_an_authorized_answer_needs_leave_to_be_shared() {
    let authorized: Lines<'_> = &[("authorization", "Bearer a")];
    check(&[
        (authorized, 200, &[MAX_AGE], Some(Reason::Authorized)),
        (authorized, 200, &[("cache-control", "max-age=60, public")], None),
        (authorized, 200, &[("cache-control", "max-age=60, must-revalidate")], None),
        (authorized, 200, &[("cache-control", "s-maxage=60")], None),
        (authorized, 200, &[("cache-control", "max-age=60, proxy-revalidate")], Some(Reason::Authorized)),
        (authorized, 200, &[("cache-control", "max-age=60, no-cache"), TAG], Some(Reason::Authorized)),
        (
            authorized,
            200,
            &[("cache-control", "public"), ("cdn-cache-control", "max-age=60")],
            Some(Reason::Authorized),
        ),
    ]);
    for lines in [&[][..], &[("cache-control", "must-revalidate")]] {
        let by_route = verdict(&Method::GET, authorized, 200, lines, Some(60));
        assert_eq!(by_route, Storability::RefusedByRequest(Reason::Authorized), "{lines:?}");
    }
    let public = &[("cache-control", "public, must-revalidate")];
    assert_eq!(verdict(&Method::GET, authorized, 200, public, Some(60)), Storability::Storable);
}

#[test]
fn section_4_1_a_response_that_varies_by_anything_is_not_stored() {
    check(&[
        (&[], 200, &[MAX_AGE, ("vary", "accept-language")], None),
        (&[], 200, &[MAX_AGE, ("vary", "accept-language, *")], Some(Reason::VaryAny)),
    ]);
}

#[test]
fn section_3_3_a_part_is_stored_where_it_says_which_one_it_is() {
    let part = ("content-range", "bytes 0-4/10");
    check(&[
        (&[], 206, &[MAX_AGE, part], None),
        (&[], 206, &[MAX_AGE, part, TAG], None),
        (&[], 206, &[part, TAG], None),
        (&[], 206, &[part, ("etag", "W/\"a\"")], Some(Reason::PartNotStorable)),
        (&[], 206, &[part], Some(Reason::PartNotStorable)),
        (&[], 206, &[MAX_AGE, TAG], Some(Reason::PartNotStorable)),
        (&[], 206, &[MAX_AGE, TAG, ("content-range", "bytes */10")], Some(Reason::PartNotStorable)),
    ]);
}

#[test]
fn some_statuses_are_never_stored() {
    for status in [100, 101, 199, 304, 412, 416, 428, 429, 431, 511] {
        let refused = Storability::Refused(Reason::StatusNotStorable);
        assert_eq!(verdict(&Method::GET, &[], status, &[MAX_AGE, TAG], Some(60)), refused, "{status}");
    }
}

#[test]
fn any_other_status_is_stored_with_explicit_freshness() {
    for status in [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599] {
        assert_eq!(get(&[], status, &[MAX_AGE]), Storability::Storable, "{status}");
    }
}

#[test]
fn without_a_lifetime_or_a_validator_nothing_is_stored() {
    let no_lifetime = Some(Reason::NoLifetime);
    let public = ("cache-control", "public");
    check(&[
        (&[], 200, &[], no_lifetime),
        (&[], 200, &[public], no_lifetime),
        (&[], 200, &[("cache-control", "no-cache")], no_lifetime),
        (&[], 200, &[("cache-control", "no-cache"), TAG], None),
        (&[], 200, &[TAG], None),
        (&[], 200, &[("etag", "nonsense")], no_lifetime),
        (&[], 200, &[("last-modified", "yesterday")], no_lifetime),
        (&[], 200, &[("last-modified", "Mon, 23 Nov 2026 00:00:00 GMT")], None),
        (&[], 200, &[HOUR_AGO], None),
        (&[], 200, &[("expires", "0")], None),
        (&[], 200, &[("cache-control", "max-age=0")], None),
        // RFC 9110 section 15.1: only these statuses need no word of the origin.
        (&[], 201, &[HOUR_AGO], no_lifetime),
        (&[], 302, &[TAG], no_lifetime),
        (&[], 302, &[TAG, public], None),
    ]);
}

#[test]
fn an_error_is_stored_only_where_it_is_fresh_on_somebodys_word() {
    let no_lifetime = Some(Reason::NoLifetime);
    check(&[
        (&[], 404, &[TAG], no_lifetime),
        (&[], 404, &[HOUR_AGO], None),
        (&[], 501, &[HOUR_AGO], None),
        (&[], 403, &[HOUR_AGO], no_lifetime),
        (&[], 503, &[HOUR_AGO, TAG], no_lifetime),
        (&[], 500, &[("cache-control", "max-age=0"), TAG], no_lifetime),
        (&[], 500, &[("expires", "0")], no_lifetime),
        (&[], 599, &[HOUR_AGO], no_lifetime),
        (&[], 599, &[HOUR_AGO, ("cache-control", "public")], None),
    ]);
    assert_eq!(verdict(&Method::GET, &[], 404, &[], Some(30)), Storability::Storable);
    assert_eq!(verdict(&Method::GET, &[], 500, &[], Some(30)), Storability::Storable);
}

#[test]
fn rfc_9110_section_9_3_3_a_post_is_stored_under_its_own_content_location() {
    let expires = ("expires", "Tue, 22 Dec 2026 00:00:00 GMT");
    let own = ("content-location", "/api/search?q=a");
    let not_storable = Some(Reason::MethodNotStorable);
    let rows: &[(u16, Lines<'_>, Option<Reason>)] = &[
        (200, &[expires, own], None),
        (200, &[MAX_AGE, own], None),
        (200, &[MAX_AGE, ("content-location", "")], None),
        (200, &[MAX_AGE, ("content-location", "https://shop.example.com/api/search?q=a")], None),
        (200, &[MAX_AGE, ("content-location", "/api/search")], not_storable),
        (200, &[MAX_AGE, ("content-location", "https://evil.example/api/search?q=a")], not_storable),
        (200, &[MAX_AGE, own, own], not_storable),
        (200, &[MAX_AGE], not_storable),
        (200, &[own, TAG], not_storable),
        (200, &[own, ("cache-control", "max-age=0")], not_storable),
        (201, &[MAX_AGE, own], not_storable),
        (200, &[("cache-control", "max-age=60, private"), own], Some(Reason::ResponsePrivate)),
    ];
    for (status, response, refusal) in rows {
        assert_eq!(why_not(verdict(&Method::POST, &[], *status, response, None)), *refusal, "{status} {response:?}");
    }
}

#[test]
fn fields_named_by_private_and_no_cache_are_not_stored() {
    let lines = headers(&[("cache-control", "private=\"set-cookie\", no-cache=\"x-user, x-cart\", max-age=60")]);
    let times = ExchangeTimes { requested_at: NOW, received_at: NOW };
    let policy = ResponsePolicy::parse(StatusCode::OK, &lines, times);
    let fields: Vec<_> = fields_not_stored(&policy).map(HeaderName::as_str).collect();
    assert_eq!(fields, ["set-cookie", "x-cart", "x-user"]);
}

fn directives() -> impl Strategy<Value = String> {
    let one = prop::sample::select(vec![
        "max-age=60",
        "max-age=0",
        "s-maxage=60",
        "public",
        "private",
        "must-understand",
        "must-revalidate",
        "no-cache",
        "private=\"a\"",
        "no-cache=\"a\"",
        "stale-if-error=5",
        "max-age=x",
        "x=\"y",
    ]);
    prop::collection::vec(one, 0..4).prop_map(|all| all.join(", "))
}

proptest! {
    #[test]
    fn adding_no_store_never_makes_a_response_storable(
        directives in directives(), status in 200_u16..600, authorized: bool, tagged: bool, in_request: bool,
        route_ttl in prop::option::of(1_u64..100),
    ) {
        let no_store = format!("{directives}, no-store");
        let mut request: Vec<(&str, &str)> = if authorized { vec![("authorization", "a")] } else { Vec::new() };
        let mut response = vec![("cache-control", directives.as_str())];
        response.extend(tagged.then_some(TAG));
        let before = verdict(&Method::GET, &request, status, &response, route_ttl);
        if in_request {
            request.push(("cache-control", "no-store"));
        } else {
            response[0].1 = &no_store;
        }
        let after = verdict(&Method::GET, &request, status, &response, route_ttl);
        prop_assert!(after != Storability::Storable || before == Storability::Storable);
        prop_assert!(after != Storability::Storable || (!in_request && directives.contains("must-understand")));
    }

    #[test]
    fn an_authorized_or_private_answer_is_never_stored_without_leave(
        status in 200_u16..600, route_ttl in prop::option::of(1_u64..100), max_age in prop::option::of(0_u64..100),
    ) {
        let plain = max_age.map_or_else(String::new, |secs| format!("max-age={secs}"));
        let authorized = verdict(&Method::GET, &[("authorization", "a")], status, &[("cache-control", &plain)], route_ttl);
        prop_assert_ne!(authorized, Storability::Storable);
        let private = format!("{plain}, private");
        prop_assert_ne!(verdict(&Method::GET, &[], status, &[("cache-control", &private)], route_ttl), Storability::Storable);
    }
}
