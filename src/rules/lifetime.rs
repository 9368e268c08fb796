//! How a route's lifetime keys and what the origin says make one [`Lifetime`].

use crate::clock::Timestamp;
use crate::semantics::lifetime::{Asker, Lifetime, LifetimeSource, OriginLifetime, StaleWindow};
use crate::semantics::lifetime_fields::LifetimeField;
use crate::semantics::policy::ResponsePolicy;
use http::StatusCode;
use std::time::Duration;

/// Whose lifetime wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginPrecedence {
    /// The origin's explicit freshness wins over the route's `ttl`.
    Respect,
    /// The route's `ttl` wins. What is private stays private all the same.
    Override,
}

/// The lifetime keys of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct LifetimeRule {
    /// `ttl`: for answers that are no errors, see [`is_lasting`].
    pub ttl: Option<Duration>,
    /// `ttl = { adaptive = [min, max] }`: the longest that `ttl`, the shortest, becomes while an answer does not change.
    pub adaptive_max: Option<Duration>,
    /// `origin`
    pub origin: OriginPrecedence,
    /// `ttl_by_status`: exact statuses.
    pub ttl_by_status: Vec<(StatusCode, Duration)>,
    /// `jitter`: share of a lifetime given by the route by which it is shortened at most, 0 to 1.
    pub jitter: f64,
    /// `stale_while_revalidate`
    pub stale_while_revalidate: Option<Duration>,
    /// `stale_if_error`
    pub stale_if_error: Option<Duration>,
    /// `refresh_ahead`: share of the lifetime past which a hit refreshes in the background, 0 to 1.
    pub refresh_ahead: Option<f64>,
    /// `max_ttl`: bounds the lifetimes that the origin gives.
    pub max_ttl: Option<Duration>,
    /// `ignore`: what of the origin's directives does not count, for requests without credentials.
    pub ignore: Vec<IgnoredDirective>,
    /// `stale_if_error_on`: the statuses that something stale may stand in for.
    pub stale_if_error_on: Vec<StatusCode>,
    /// `not_after`: moments that no lifetime crosses, in order.
    pub not_after: Vec<Timestamp>,
    /// `lifetime_fields`: the fields that go before the standard ones, in order.
    pub fields: Vec<LifetimeField>,
}

/// A directive of the origin's that a route may ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredDirective {
    /// `no-cache`
    NoCache,
    /// `private`
    Private,
    /// `no-store`
    NoStore,
}

/// An adaptive lifetime is as long as this part of the time for which a response has not changed.
const UNCHANGED_DIVISOR: u32 = 2;

/// `stale_if_error_on` where a route does not say: the statuses of RFC 5861 section 4.
const ERRORS_DEFAULT: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

impl LifetimeRule {
    /// Whether it gives a lifetime to any answer.
    #[must_use]
    pub fn gives_lifetimes(&self) -> bool {
        self.ttl.is_some() || !self.ttl_by_status.is_empty()
    }

    /// Only what the origin says.
    #[must_use]
    pub fn by_origin() -> Self {
        Self {
            ttl: None,
            adaptive_max: None,
            origin: OriginPrecedence::Respect,
            ttl_by_status: Vec::new(),
            jitter: 0.0,
            stale_while_revalidate: None,
            stale_if_error: None,
            refresh_ahead: None,
            max_ttl: None,
            ignore: Vec::new(),
            stale_if_error_on: ERRORS_DEFAULT.to_vec(),
            not_after: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The lifetime in force for a response. `spread` is a number that stays the same for the life of the stored
    /// response (any bits of its identity): it picks the place within the jitter.
    ///
    /// `ttl` covers the statuses of [`is_lasting`] only; others live by explicit freshness or `ttl_by_status`. `jitter`
    /// shortens a lifetime that the route gives by up to its share, never one that the origin gives. The origin's
    /// stale windows win where it names them and is respected; then the route's hold only for what had a lifetime at
    /// all, since an answer without one (`max-age=0`, `Expires: 0`) is one that the origin wants to be asked about.
    #[must_use]
    pub fn lifetime(&self, policy: &ResponsePolicy, spread: u64) -> Lifetime {
        let by_status = self.ttl_by_status.iter().find(|(status, _)| *status == policy.status).map(|(_, ttl)| *ttl);
        let by_route = by_status.or_else(|| self.ttl_for(policy).filter(|_| is_lasting(policy.status)));
        let (fresh_for, source) = match (policy.lifetime, by_route, self.origin) {
            (OriginLifetime::Explicit(lifetime, source), _, OriginPrecedence::Respect)
            | (OriginLifetime::Explicit(lifetime, source), None, OriginPrecedence::Override) => (lifetime, source),
            (_, Some(ttl), _) => (ttl, LifetimeSource::Route),
            (OriginLifetime::Heuristic(lifetime), None, _) => (lifetime, LifetimeSource::Heuristic),
            (OriginLifetime::Absent, None, _) => (Duration::ZERO, LifetimeSource::Nobody),
        };
        let was_fresh = !fresh_for.is_zero();
        let fresh_for = match source {
            LifetimeSource::Route => shortened(fresh_for, self.jitter, spread),
            _ => self.max_ttl.map_or(fresh_for, |most| fresh_for.min(most)),
        };
        let fresh_for = policy.lifetime_max.map_or(fresh_for, |most| fresh_for.min(most));
        let ends_at = self.end_after(policy.made_at());
        let window = |route: Option<Duration>, origin: Option<Duration>| {
            let length = match self.origin {
                OriginPrecedence::Respect => origin.or(route.filter(|_| was_fresh)),
                OriginPrecedence::Override => route.or(origin),
            };
            let asked_by = if route.is_some() { Asker::Operator } else { Asker::Origin };
            length.map(|length| StaleWindow { length, asked_by })
        };
        let lifetime = Lifetime {
            fresh_for,
            source,
            stale_while_revalidate: window(self.stale_while_revalidate, policy.directives.stale_while_revalidate),
            stale_if_error: window(self.stale_if_error, policy.directives.stale_if_error),
            ends_at,
        };
        ends_at.map_or(lifetime, |end| policy.shortened(lifetime, end))
    }

    /// `ttl`, which is half of the time for which a response has not changed, within its bounds, where it is adaptive.
    fn ttl_for(&self, policy: &ResponsePolicy) -> Option<Duration> {
        let ttl = self.ttl?;
        Some(self.adaptive_max.map_or(ttl, |most| ttl.max(policy.unchanged_for / UNCHANGED_DIVISOR).min(most)))
    }

    /// The first of the moments that no lifetime crosses after what was made then.
    #[must_use]
    pub fn end_after(&self, made_at: Timestamp) -> Option<Timestamp> {
        let next = self.not_after.partition_point(|end| *end <= made_at);
        self.not_after.get(next).copied()
    }

    /// The policy as the route has it seen: without the directives that it ignores. Fields that `private` and `no-cache`
    /// name stay unstored.
    #[must_use]
    pub fn without_ignored(&self, mut policy: ResponsePolicy) -> ResponsePolicy {
        let directives = &mut policy.directives;
        for ignored in &self.ignore {
            match ignored {
                IgnoredDirective::NoCache => directives.no_cache.forget_if_whole(),
                IgnoredDirective::Private => directives.private.forget_if_whole(),
                IgnoredDirective::NoStore => directives.no_store = false,
            }
        }
        policy
    }

    /// Whether an answer of this status is a failure that something stale may stand in for.
    #[must_use]
    pub fn is_failure(&self, status: StatusCode) -> bool {
        self.stale_if_error_on.contains(&status)
    }

    /// Whether `ttl` is given, but not for answers of this status.
    #[must_use]
    pub fn leaves_out(&self, status: StatusCode) -> bool {
        self.ttl.is_some() && !is_lasting(status) && self.ttl_by_status.iter().all(|(named, _)| *named != status)
    }
}

/// Whether a route's plain `ttl` covers a status: answers that are no errors and not made for one moment, as the
/// temporary redirects are. It is the part below 400 of the list in RFC 9110 section 15.1.
pub(crate) fn is_lasting(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308)
}

/// A lifetime without up to `jitter` of it, the share picked by `spread`.
fn shortened(lifetime: Duration, jitter: f64, spread: u64) -> Duration {
    // A multiplication by a large odd number moves every bit into the upper ones, which then make 0.0 to 1.0.
    let mixed = (spread ^ (spread >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    let share = f64::from(u16::try_from(mixed).unwrap_or(u16::MAX)) / f64::from(u16::MAX);
    let kept = share.mul_add(-jitter.clamp(0.0, 1.0), 1.0).clamp(0.0, 1.0);
    Duration::try_from_secs_f64(lifetime.as_secs_f64() * kept).map_or(lifetime, |kept| kept.min(lifetime))
}

#[cfg(test)]
#[path = "lifetime_tests.rs"]
mod tests;
