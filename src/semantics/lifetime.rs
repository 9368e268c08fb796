//! Freshness lifetimes: RFC 9111 section 4.2.1 and 4.2.2.

use std::time::Duration;

/// Where a lifetime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifetimeSource {
    /// A targeted field, RFC 9213.
    Targeted,
    /// `s-maxage`
    SharedMaxAge,
    /// `max-age`
    MaxAge,
    /// `Expires`
    Expires,
    /// A tenth of the time since Last-Modified, RFC 9111 section 4.2.2.
    Heuristic,
    /// The route's `ttl` or `ttl_by_status`.
    Route,
    /// Nobody says: the lifetime is zero.
    Nobody,
}

/// What the origin says of a response's lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginLifetime {
    /// Explicit freshness.
    Explicit(Duration, LifetimeSource),
    /// A heuristic from Last-Modified, for a status that allows one.
    Heuristic(Duration),
    /// Nothing to go by.
    Absent,
}

/// The lifetime in force for a response: the origin's and the route's together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// How long it is fresh, counted as age.
    pub fresh_for: Duration,
    /// Where that comes from.
    pub source: LifetimeSource,
    /// How long past that it may be served while a refresh runs.
    pub stale_while_revalidate: Option<Duration>,
    /// How long past that it may be served when the origin fails.
    pub stale_if_error: Option<Duration>,
}
