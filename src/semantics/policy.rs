//! All that later decisions need of a response's caching fields, read once when it arrives.

use super::age::age_of;
use super::cache_control::ResponseDirectives;
use super::date::parse_http_date;
use super::directives::directives;
use super::lifetime::{Lifetime, LifetimeSource, OriginLifetime, StaleWindow};
use super::lifetime_fields::{self, LifetimeField};
use super::targeted::targeted_directives;
use crate::clock::Timestamp;
use http::header::{CACHE_CONTROL, DATE, EXPIRES, HeaderName, LAST_MODIFIED, PRAGMA};
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// The longest heuristic lifetime. RFC 9111 section 4.2.2 leaves the bound to the cache; a day is where RFC 7234 began
/// to ask for a warning, and past it a guess from Last-Modified hides changes for too long.
pub(crate) const HEURISTIC_MAX: Duration = Duration::from_hours(24);

/// The share of the time since Last-Modified that a heuristic lifetime is: one tenth, RFC 9111 section 4.2.2.
const HEURISTIC_DIVISOR: u32 = 10;

/// When the exchange with the origin took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeTimes {
    /// When the request was sent: `request_time` of RFC 9111 section 4.2.3.
    pub requested_at: Timestamp,
    /// When the response's head arrived: `response_time` of RFC 9111 section 4.2.3.
    pub received_at: Timestamp,
}

/// The caching policy of one response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePolicy {
    /// The directives in force: those of a valid targeted field, else of Cache-Control.
    pub directives: ResponseDirectives,
    /// What the origin says of the lifetime.
    pub lifetime: OriginLifetime,
    /// The status.
    pub status: StatusCode,
    /// When the head arrived.
    pub received_at: Timestamp,
    /// `corrected_initial_age` of RFC 9111 section 4.2.3.
    pub initial_age: Duration,
    /// For how long it had been known not to change when it arrived; zero where no rule learns from that.
    pub unchanged_for: Duration,
    /// The longest lifetime that its body allows, whoever gives one: hints of GraphQL. Read once it is there.
    pub lifetime_max: Option<Duration>,
}

/// Which field the directives in force stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Governing {
    TargetedField,
    CacheControl,
}

impl ResponsePolicy {
    /// Reads the policy from a response's head.
    #[must_use]
    pub fn parse(status: StatusCode, headers: &HeaderMap, times: ExchangeTimes) -> Self {
        Self::parse_with(status, headers, times, &[])
    }

    /// As [`Self::parse`], where a rule asks for these fields to be understood: the first of them that says how to cache
    /// the response goes before the targeted fields, and these before Cache-Control and Expires.
    #[must_use]
    pub fn parse_with(status: StatusCode, headers: &HeaderMap, times: ExchangeTimes, fields: &[LifetimeField]) -> Self {
        let initial_age = corrected_initial_age(age_of(headers), date_of(headers, &DATE, times.received_at), times);
        let received_at = times.received_at;
        if let Some(said) = lifetime_fields::governing(headers, fields, received_at) {
            return Self {
                lifetime: said.lifetime,
                directives: said.directives,
                status,
                received_at,
                initial_age,
                unchanged_for: Duration::ZERO,
                lifetime_max: None,
            };
        }
        // RFC 9213 section 2.2: a targeted field replaces Cache-Control and Expires.
        let (directives, governing) = targeted_directives(headers).map_or_else(
            || (ResponseDirectives::parse(headers), Governing::CacheControl),
            |targeted| (targeted, Governing::TargetedField),
        );
        Self {
            lifetime: origin_lifetime(status, headers, &directives, governing, received_at),
            directives,
            status,
            received_at,
            initial_age,
            unchanged_for: Duration::ZERO,
            lifetime_max: None,
        }
    }

    /// `current_age` of RFC 9111 section 4.2.3.
    #[must_use]
    pub fn current_age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received_at))
    }

    /// As one that is the same as an older one was.
    pub fn continue_unchanged(&mut self, older: &Self) {
        self.unchanged_for = older.unchanged_for.saturating_add(self.received_at.since(older.received_at));
    }

    /// When the origin made it, as far as is known: at the latest when it was asked for.
    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        self.received_at.saturating_sub(self.initial_age)
    }

    /// How much of a lifetime is over. The origin's is counted as age; the route's from receipt, so that neither a wrong
    /// clock of the origin nor the Age that a cache behind Larder reports ends what the operator has given.
    #[must_use]
    pub fn spent(&self, lifetime: &Lifetime, now: Timestamp) -> Duration {
        match lifetime.source {
            LifetimeSource::Route => now.since(self.received_at),
            _ => self.current_age(now),
        }
    }

    /// A lifetime that is over at `end`, as it is counted for this response.
    #[must_use]
    pub(crate) fn shortened(&self, lifetime: Lifetime, end: Timestamp) -> Lifetime {
        let left = match lifetime.source {
            LifetimeSource::Route => end.since(self.received_at),
            _ => end.since(self.made_at()),
        };
        Lifetime { fresh_for: lifetime.fresh_for.min(left), ..lifetime }
    }

    /// The lifetime where no route has a say: the origin's own, stale windows included.
    #[must_use]
    pub fn lifetime_by_origin(&self) -> Lifetime {
        let (fresh_for, source) = self.lifetime.resolved();
        Lifetime {
            fresh_for,
            source,
            stale_while_revalidate: StaleWindow::of_origin(self.directives.stale_while_revalidate),
            stale_if_error: StaleWindow::of_origin(self.directives.stale_if_error),
            ends_at: None,
        }
    }
}

/// Whether a status may be stored without explicit freshness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusCacheability {
    /// Heuristically cacheable.
    Heuristic,
    /// Only with explicit freshness or `public`.
    Explicit,
}

/// Whether a status is heuristically cacheable: RFC 9110 section 15.1.
pub(crate) const fn status_cacheability(status: StatusCode) -> StatusCacheability {
    match status.as_u16() {
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501 => StatusCacheability::Heuristic,
        _ => StatusCacheability::Explicit,
    }
}

/// RFC 9111 section 4.2.1, clause by clause; the first that applies.
fn origin_lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    governing: Governing,
    received_at: Timestamp,
) -> OriginLifetime {
    let source = |own| if governing == Governing::TargetedField { LifetimeSource::Targeted } else { own };
    // "If the cache is shared and the s-maxage response directive is present, use its value".
    if let Some(s_maxage) = directives.s_maxage {
        return OriginLifetime::Explicit(s_maxage, source(LifetimeSource::SharedMaxAge));
    }
    // "If the max-age response directive is present, use its value".
    if let Some(max_age) = directives.max_age {
        return OriginLifetime::Explicit(max_age, source(LifetimeSource::MaxAge));
    }
    // "If the Expires response header field is present, use its value minus the value of the Date".
    if governing == Governing::CacheControl && headers.contains_key(EXPIRES) {
        return OriginLifetime::Explicit(expires_lifetime(headers, received_at), LifetimeSource::Expires);
    }
    // Section 5.4 leaves the meaning of `Pragma: no-cache` in a response open; who sends it and no more wants to be asked.
    if governing == Governing::CacheControl && !headers.contains_key(CACHE_CONTROL) && says_pragma_no_cache(headers) {
        return OriginLifetime::Explicit(Duration::ZERO, LifetimeSource::Pragma);
    }
    // "Otherwise, no explicit expiration time is present. A heuristic freshness lifetime might be applicable".
    heuristic_lifetime(status, headers, directives, received_at)
}

fn says_pragma_no_cache(headers: &HeaderMap) -> bool {
    directives(headers, PRAGMA).any(|directive| directive.is("no-cache"))
}

/// Expires minus Date, or minus the time of arrival where there is no valid Date. Zero where Expires is no date
/// (RFC 9111 section 5.3) or there is more than one (section 4.2.1).
fn expires_lifetime(headers: &HeaderMap, received_at: Timestamp) -> Duration {
    let mut lines = headers.get_all(EXPIRES).iter();
    let expires = match (lines.next(), lines.next()) {
        (Some(only), None) => parse_http_date(only.as_bytes(), received_at),
        _ => None,
    };
    let date = date_of(headers, &DATE, received_at).unwrap_or(received_at);
    expires.map_or(Duration::ZERO, |expires| expires.since(date))
}

/// A tenth of the time from Last-Modified to Date, at most [`HEURISTIC_MAX`]: RFC 9111 section 4.2.2. Only for a status
/// that is heuristically cacheable or a response marked `public`.
fn heuristic_lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    received_at: Timestamp,
) -> OriginLifetime {
    if status_cacheability(status) == StatusCacheability::Explicit && !directives.public {
        return OriginLifetime::Absent;
    }
    let Some(last_modified) = date_of(headers, &LAST_MODIFIED, received_at) else {
        return OriginLifetime::Absent;
    };
    let date = date_of(headers, &DATE, received_at).unwrap_or(received_at);
    if last_modified > date {
        return OriginLifetime::Absent;
    }
    OriginLifetime::Heuristic((date.since(last_modified) / HEURISTIC_DIVISOR).min(HEURISTIC_MAX))
}

/// RFC 9111 section 4.2.3, in its own names. The apparent age is counted in whole seconds, the unit of Date.
fn corrected_initial_age(age: Option<Duration>, date: Option<Timestamp>, times: ExchangeTimes) -> Duration {
    let age_value = age.unwrap_or_default();
    let date_value = date.unwrap_or(times.received_at);
    let apparent_age = Duration::from_secs(times.received_at.as_secs().saturating_sub(date_value.as_secs()));
    let response_delay = times.received_at.since(times.requested_at);
    let corrected_age_value = age_value.saturating_add(response_delay);
    apparent_age.max(corrected_age_value)
}

/// The first line of a field as a date.
fn date_of(headers: &HeaderMap, field: &HeaderName, now: Timestamp) -> Option<Timestamp> {
    headers.get(field).and_then(|value| parse_http_date(value.as_bytes(), now))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
