//! Freshness lifetimes: RFC 9111 section 4.2.1 and 4.2.2.

use crate::clock::Timestamp;
use std::fmt;
use std::time::Duration;

/// Where a lifetime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifetimeSource {
    /// A targeted field, RFC 9213.
    Targeted,
    /// `Surrogate-Control`, where a rule asks for it.
    SurrogateControl,
    /// `X-Accel-Expires`, where a rule asks for it.
    XAccelExpires,
    /// `s-maxage`
    SharedMaxAge,
    /// `max-age`
    MaxAge,
    /// `Expires`
    Expires,
    /// `Pragma: no-cache` without Cache-Control: zero.
    Pragma,
    /// A tenth of the time since Last-Modified, RFC 9111 section 4.2.2.
    Heuristic,
    /// The route's `ttl` or `ttl_by_status`.
    Route,
    /// Nobody says: the lifetime is zero.
    Nobody,
}

impl LifetimeSource {
    /// Whether a rule or a guess lets a response be reused of whose lifetime the origin says nothing.
    #[must_use]
    pub const fn is_assumed(self) -> bool {
        matches!(self, Self::Heuristic | Self::Route)
    }

    /// The stable label that explain shows.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Targeted => "targeted",
            Self::SurrogateControl => "surrogate-control",
            Self::XAccelExpires => "x-accel-expires",
            Self::SharedMaxAge => "s-maxage",
            Self::MaxAge => "max-age",
            Self::Expires => "expires",
            Self::Pragma => "pragma",
            Self::Heuristic => "heuristic",
            Self::Route => "route",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for LifetimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
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

impl OriginLifetime {
    /// The lifetime and where it comes from; zero from nobody where there is nothing to go by.
    #[must_use]
    pub const fn resolved(self) -> (Duration, LifetimeSource) {
        match self {
            Self::Explicit(fresh_for, source) => (fresh_for, source),
            Self::Heuristic(fresh_for) => (fresh_for, LifetimeSource::Heuristic),
            Self::Absent => (Duration::ZERO, LifetimeSource::Nobody),
        }
    }
}

/// Who asks for a stale window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The origin, in the response.
    Origin,
    /// The operator, in the route.
    Operator,
}

/// How long past its lifetime a response may be served, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleWindow {
    /// How long.
    pub length: Duration,
    /// The operator's window holds even under `s-maxage`, the origin's own does not.
    pub asked_by: Asker,
}

impl StaleWindow {
    /// The origin's, where it names one.
    #[must_use]
    pub fn of_origin(length: Option<Duration>) -> Option<Self> {
        length.map(|length| Self { length, asked_by: Asker::Origin })
    }
}

/// The lifetime in force for a response: the origin's and the route's together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// How long it is fresh; what counts against it is [`super::policy::ResponsePolicy::spent`].
    pub fresh_for: Duration,
    /// Where that comes from.
    pub source: LifetimeSource,
    /// How long past that it may be served while a refresh runs.
    pub stale_while_revalidate: Option<StaleWindow>,
    /// How long past that it may be served when the origin fails.
    pub stale_if_error: Option<StaleWindow>,
    /// From when on it is not served without the origin's word, whatever the others say.
    pub ends_at: Option<Timestamp>,
}

impl Lifetime {
    /// Whether the moment has come that it does not outlive.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|end| now >= end)
    }
}
