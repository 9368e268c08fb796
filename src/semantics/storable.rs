//! Whether a response may be stored: RFC 9111 section 3, clause by clause.

use super::cache_control::{Qualified, RequestDirectives};
use super::credentials::Credentials;
use super::date::parse_http_date;
use super::entity_tag::{EntityTag, Strength};
use super::lifetime::{Lifetime, LifetimeSource, OriginLifetime};
use super::partial::part_of;
use super::policy::{ResponsePolicy, StatusCacheability, status_cacheability};
use super::reason::Reason;
use super::target::Target;
use super::vary::{Vary, parse_vary};
use http::header::{CONTENT_LOCATION, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// One exchange, as storing sees it.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The request's method as sent to the origin.
    pub method: &'a Method,
    /// The request's cache directives as sent to the origin.
    pub request_directives: &'a RequestDirectives,
    /// Whether the client's request carries credentials that its key does not hold.
    pub credentials: Credentials,
    /// The response's headers, hop-by-hop fields already dropped.
    pub headers: &'a HeaderMap,
    /// The response's policy.
    pub policy: &'a ResponsePolicy,
    /// The lifetime in force.
    pub lifetime: &'a Lifetime,
}

/// Whether a response may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storability {
    /// It may.
    Storable,
    /// Neither the response nor the route gives it a lifetime, and it has no validator.
    NoLifetime,
    /// The response may not, whoever asked for it.
    Refused(Reason),
    /// What this request says or carries forbids it.
    RefusedByRequest(Reason),
}

/// Judges an exchange by RFC 9111 section 3. What a route adds (Set-Cookie, size) is judged elsewhere.
#[must_use]
pub fn storability(exchange: &Exchange<'_>) -> Storability {
    // "The request method is understood by the cache": what is stored answers GET, and HEAD from it.
    if exchange.method != Method::GET {
        return Storability::RefusedByRequest(Reason::MethodNotStorable);
    }
    response_storability(exchange)
}

/// Judges the answer to a POST that a later GET may be given: RFC 9110 section 9.3.3. It must be 200, say explicitly
/// that it is fresh, and name `target` as its own place in Content-Location; all that holds for GET holds too.
pub(crate) fn post_storability(exchange: &Exchange<'_>, target: &Target) -> Storability {
    let may_answer_get = exchange.method == Method::POST
        && exchange.policy.status == StatusCode::OK
        && is_explicitly_fresh(exchange.policy)
        && names_as_its_place(exchange.headers, target);
    if !may_answer_get {
        return Storability::RefusedByRequest(Reason::MethodNotStorable);
    }
    response_storability(exchange)
}

/// The fields that are left out of what is stored: those that `private` and `no-cache` name (RFC 9111 section 5.2.2.7
/// and 5.2.2.4). What is not stored is neither shared nor used without validation.
pub(crate) fn fields_not_stored(policy: &ResponsePolicy) -> impl Iterator<Item = &HeaderName> {
    let directives = &policy.directives;
    directives.private.fields().iter().chain(directives.no_cache.fields())
}

/// The clauses of RFC 9111 section 3 that follow the one on the method, in its order.
fn response_storability(exchange: &Exchange<'_>) -> Storability {
    let Exchange { request_directives, credentials, headers, policy, .. } = exchange;
    let directives = &policy.directives;
    // "The response status code is final", and nothing forbids to store it.
    if !is_storable_status(policy.status) {
        return Storability::Refused(Reason::StatusNotStorable);
    }
    // "If [...] the must-understand cache directive is present, the cache understands the response status code".
    let understood = is_understood_status(policy.status);
    if directives.must_understand && !understood {
        return Storability::Refused(Reason::StatusNotUnderstood);
    }
    // "The no-store cache directive is not present in the response", or is overruled by must-understand: section 5.2.2.3.
    if directives.no_store && !(directives.must_understand && understood) {
        return Storability::Refused(Reason::ResponseNoStore);
    }
    // Section 5.2.1.5: "MUST NOT store any part of either this request or any response to it".
    if request_directives.no_store {
        return Storability::RefusedByRequest(Reason::RequestNoStore);
    }
    // "If the cache is shared: the private response directive is either not present or allows a shared cache to store a
    // modified response", see [`fields_not_stored`].
    if directives.private == Qualified::Whole {
        return Storability::Refused(Reason::ResponsePrivate);
    }
    // "If the cache is shared: the Authorization header field is not present in the request or a response directive is
    // present that explicitly allows shared caching": section 3.5. Fields of the same kind count as it does.
    // `must-revalidate` allows it up to the origin's own lifetime; where it gives none, a rule's is no leave.
    let shares_authorized = directives.public
        || directives.s_maxage.is_some()
        || (directives.must_revalidate && !exchange.lifetime.source.is_assumed());
    if *credentials == Credentials::Carried && !shares_authorized {
        return Storability::RefusedByRequest(Reason::Authorized);
    }
    // Section 4.1: a stored response with `Vary: *` never matches, so it is not worth its place.
    if parse_vary(headers) == Vary::Anything {
        return Storability::Refused(Reason::VaryAny);
    }
    if policy.status == StatusCode::PARTIAL_CONTENT && !is_storable_part(exchange) {
        return Storability::Refused(Reason::PartNotStorable);
    }
    if !has_reason_to_be_stored(exchange) {
        return Storability::NoLifetime;
    }
    Storability::Storable
}

/// Why a stored response may be given to nobody else, if so: the directives that keep one from being stored. Asked at each
/// look-up, since a rule that ignored them may have changed.
pub(crate) fn withheld_by(policy: &ResponsePolicy) -> Option<Reason> {
    let directives = &policy.directives;
    // "The no-store cache directive is not present in the response", or is overruled by must-understand: section 5.2.2.3.
    if directives.no_store && !(directives.must_understand && is_understood_status(policy.status)) {
        return Some(Reason::ResponseNoStore);
    }
    (directives.private == Qualified::Whole).then_some(Reason::ResponsePrivate)
}

/// Statuses that are stored whatever else holds. Not 1xx, which are not final (RFC 9110 section 15.2); not 304, which
/// updates what is stored (RFC 9111 section 4.3.3); not 412 and 416, which answer one request's own conditions and
/// ranges; not 428, 429, 431 and 511, which RFC 6585 keeps out of caches.
const fn is_storable_status(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 100..=199 | 304 | 412 | 416 | 428 | 429 | 431 | 511)
}

/// Statuses whose caching requirements Larder implements: those of RFC 9110 section 15 that are final and in use.
const fn is_understood_status(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200..=206 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

/// RFC 9111 section 3.3 and 3.4: a part must say which one it is. It answers ranges inside it while it is fresh; only
/// with a strong validator can it be revalidated and combined, so without that it must at least begin fresh.
fn is_storable_part(exchange: &Exchange<'_>) -> bool {
    let has_strong_validator = EntityTag::of(exchange.headers).is_some_and(|tag| tag.strength == Strength::Strong);
    part_of(exchange.headers).is_some() && (has_strong_validator || !exchange.lifetime.fresh_for.is_zero())
}

/// "The response contains at least one of" explicit freshness, a cache extension (here: the route's lifetime), a status
/// that is heuristically cacheable, or `public`. Of the last two only what a heuristic lifetime or a validator makes
/// worth storing. An error is stored only if someone says that it is fresh: a stored error that is stale from the
/// start would stand in for the good answer that it replaced.
fn has_reason_to_be_stored(exchange: &Exchange<'_>) -> bool {
    let Exchange { headers, policy, lifetime, .. } = exchange;
    if lifetime.source == LifetimeSource::Route {
        return true;
    }
    let is_error = policy.status.as_u16() >= 400;
    match policy.lifetime {
        OriginLifetime::Explicit(..) if is_error => is_explicitly_fresh(policy),
        OriginLifetime::Explicit(..) | OriginLifetime::Heuristic(_) => true,
        OriginLifetime::Absent => !is_error && may_be_cached(policy) && has_validator(headers, policy),
    }
}

fn may_be_cached(policy: &ResponsePolicy) -> bool {
    status_cacheability(policy.status) == StatusCacheability::Heuristic || policy.directives.public
}

fn has_validator(headers: &HeaderMap, policy: &ResponsePolicy) -> bool {
    let is_date = |value: &HeaderValue| parse_http_date(value.as_bytes(), policy.received_at).is_some();
    EntityTag::of(headers).is_some() || headers.get(LAST_MODIFIED).is_some_and(is_date)
}

fn is_explicitly_fresh(policy: &ResponsePolicy) -> bool {
    matches!(policy.lifetime, OriginLifetime::Explicit(fresh_for, _) if !fresh_for.is_zero())
}

/// Whether Content-Location, a single one, is `target` itself.
fn names_as_its_place(headers: &HeaderMap, target: &Target) -> bool {
    let mut lines = headers.get_all(CONTENT_LOCATION).iter();
    let (Some(only), None) = (lines.next(), lines.next()) else { return false };
    only.to_str().is_ok_and(|reference| target.join(reference).is_ok_and(|place| place == *target))
}

#[cfg(test)]
#[path = "storable_tests.rs"]
mod tests;
