//! How a route's lifetime keys and the origin's word make one [`Lifetime`].

use crate::semantics::lifetime::Lifetime;
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
    /// `ttl`: for answers that are no errors.
    pub ttl: Option<Duration>,
    /// `origin`
    pub origin: OriginPrecedence,
    /// `ttl_by_status`: exact statuses.
    pub ttl_by_status: Vec<(StatusCode, Duration)>,
    /// `jitter`: share of the lifetime by which it is spread, 0 to 1.
    pub jitter: f64,
    /// `stale_while_revalidate`
    pub stale_while_revalidate: Option<Duration>,
    /// `stale_if_error`
    pub stale_if_error: Option<Duration>,
    /// `refresh_ahead`: share of the lifetime past which a hit refreshes in the background, 0 to 1.
    pub refresh_ahead: Option<f64>,
}

impl LifetimeRule {
    /// The lifetime in force for a response. `spread` is a number that stays the same for the life of the stored
    /// response (any bits of its identity): it picks the place within the jitter.
    ///
    /// `ttl` covers statuses below 400 only; errors live by explicit freshness or `ttl_by_status`. The origin's
    /// stale windows win where it names them and is respected.
    #[must_use]
    pub fn lifetime(&self, policy: &ResponsePolicy, spread: u64) -> Lifetime {
        todo!("{policy:?} {spread}")
    }
}
