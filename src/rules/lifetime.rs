//! How a route's lifetime keys and the origin's word make one [`Lifetime`].

use crate::semantics::lifetime::{Lifetime, LifetimeSource, OriginLifetime};
use crate::semantics::policy::ResponsePolicy;
use http::StatusCode;
use std::time::Duration;

/// Whose word on freshness wins.
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
}

impl LifetimeRule {
    /// Only what the origin says.
    #[must_use]
    pub const fn by_origin() -> Self {
        Self {
            ttl: None,
            origin: OriginPrecedence::Respect,
            ttl_by_status: Vec::new(),
            jitter: 0.0,
            stale_while_revalidate: None,
            stale_if_error: None,
            refresh_ahead: None,
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
        let by_route = by_status.or(self.ttl.filter(|_| is_lasting(policy.status)));
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
            _ => fresh_for,
        };
        let window = |route: Option<Duration>, origin: Option<Duration>| match self.origin {
            OriginPrecedence::Respect => origin.or(route.filter(|_| was_fresh)),
            OriginPrecedence::Override => route.or(origin),
        };
        Lifetime {
            fresh_for,
            source,
            stale_while_revalidate: window(self.stale_while_revalidate, policy.directives.stale_while_revalidate),
            stale_if_error: window(self.stale_if_error, policy.directives.stale_if_error),
        }
    }
}

/// Whether a route's plain `ttl` covers a status: answers that are no errors and not made for one moment, as the
/// temporary redirects are. It is the part below 400 of the list in RFC 9110 section 15.1.
#[must_use]
pub fn is_lasting(status: StatusCode) -> bool {
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
