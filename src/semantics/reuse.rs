//! Whether a stored response answers a request now: RFC 9111 section 4, RFC 5861.

use super::cache_control::RequestDirectives;
use super::lifetime::Lifetime;
use super::policy::ResponsePolicy;
use super::reason::Reason;
use crate::clock::Timestamp;
use std::time::Duration;

/// What may be done with a stored response where its validation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOriginFailure {
    /// Served stale where the origin can't be reached or answers 500, 502, 503 or 504 (RFC 5861 section 4).
    ServeStale,
    /// Served stale only where the origin can't be reached (RFC 9111 section 4.2.4).
    ServeStaleWhenUnreachable,
    /// Never served stale, and why.
    Fail(Reason),
}

/// The judgement on a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Serve it. `ttl` is what is left of its lifetime.
    Fresh {
        /// Remaining lifetime.
        ttl: Duration,
    },
    /// Serve it stale without asking the origin: the request accepts it (max-stale).
    StaleAccepted {
        /// How far past its lifetime it is.
        staleness: Duration,
    },
    /// Serve it stale now and refresh it in the background.
    StaleWhileRevalidate {
        /// How far past its lifetime it is.
        staleness: Duration,
    },
    /// Validate it at the origin first.
    Revalidate {
        /// Why it can't be served as it is.
        why: Reason,
        /// What to do where the origin fails.
        on_failure: OnOriginFailure,
    },
}

/// Whether a soft purge has made the stored response stale, whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It counts by its age.
    ByAge,
    /// It is stale since a soft purge; the stale windows count from now.
    SoftPurged,
}

/// Judges a stored response against the directives of the presented request.
#[must_use]
pub fn judge(
    stored: &ResponsePolicy,
    lifetime: &Lifetime,
    validity: Validity,
    presented: &RequestDirectives,
    now: Timestamp,
) -> Judgement {
    todo!("{stored:?} {lifetime:?} {validity:?} {presented:?} {now:?}")
}
