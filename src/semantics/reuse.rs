//! Whether a stored response answers a request now: RFC 9111 section 4, RFC 5861.
//!
//! `stored` is what the cache holds, `presented` is the request that asks now. The key and the variant are matched
//! already, and only-if-cached is the caller's: it turns a verdict to revalidate into 504.

use super::cache_control::{MaxStale, Qualified, RequestDirectives};
use super::cache_status::Forward;
use super::lifetime::{Asker, Lifetime, StaleWindow};
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
    /// Never served stale.
    Fail,
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
        why: MustValidate,
        /// What to do where the origin fails.
        on_failure: OnOriginFailure,
    },
}

/// Why a stored response must be validated before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MustValidate {
    /// The response says no-cache.
    ResponseNoCache,
    /// The request says no-cache.
    RequestNoCache,
    /// The request says Pragma: no-cache and has no Cache-Control.
    RequestPragma,
    /// The response is older than the request's max-age.
    RequestMaxAge,
    /// The response is not fresh for as long as the request's min-fresh.
    RequestMinFresh,
    /// The response is older than its lifetime.
    Expired,
    /// A moment has come that its lifetime does not cross.
    NotAfter,
    /// A soft purge covers it.
    SoftPurged,
    /// A purge that is not known here may cover it.
    Unproven,
}

impl MustValidate {
    /// The `fwd` of Cache-Status.
    #[must_use]
    pub const fn forward(self) -> Forward {
        match self {
            Self::RequestNoCache | Self::RequestPragma | Self::RequestMaxAge | Self::RequestMinFresh => {
                Forward::Request
            }
            Self::ResponseNoCache | Self::Expired | Self::NotAfter | Self::SoftPurged | Self::Unproven => {
                Forward::Stale
            }
        }
    }
}

impl From<MustValidate> for Reason {
    fn from(why: MustValidate) -> Self {
        match why {
            MustValidate::ResponseNoCache => Self::ResponseNoCache,
            MustValidate::RequestNoCache => Self::RequestNoCache,
            MustValidate::RequestPragma => Self::RequestPragma,
            MustValidate::RequestMaxAge => Self::RequestMaxAge,
            MustValidate::RequestMinFresh => Self::RequestMinFresh,
            MustValidate::Expired => Self::Expired,
            MustValidate::NotAfter => Self::NotAfter,
            MustValidate::SoftPurged => Self::SoftPurged,
            MustValidate::Unproven => Self::Unproven,
        }
    }
}

impl RequestDirectives {
    /// Why the request wants the origin to be asked, whatever is stored: RFC 9111 section 5.2.1.4, 5.4, and 5.2.1.1 with
    /// an age of zero.
    #[must_use]
    pub fn wants_validation(&self) -> Option<MustValidate> {
        if self.no_cache {
            Some(MustValidate::RequestNoCache)
        } else if self.pragma_no_cache {
            Some(MustValidate::RequestPragma)
        } else if self.max_age == Some(Duration::ZERO) {
            Some(MustValidate::RequestMaxAge)
        } else {
            None
        }
    }
}

/// Whether a soft purge has made the stored response stale, whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It counts by its age.
    ByAge,
    /// It is stale since a soft purge; the stale windows count from now.
    SoftPurged,
    /// A purge that is not known here may cover it: the origin is asked, whatever its age.
    Unproven,
}

/// What an operator does with stored responses for a while, so that the origin is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// They are served stale, where nothing forbids that.
    StaleOnly,
    /// Their lifetimes do not run out.
    Freeze,
}

/// Whether a response that would be validated, or refreshed, may be served as it is while an operator holds it so.
///
/// Not what the origin wants to be asked about each time (no-cache, a lifetime of zero), not past a moment that its route
/// names, and not where a purge that is not
/// known here may cover it. What says must-revalidate or proxy-revalidate is never served stale (RFC 9111 section 4.2.4),
/// but its lifetime may be held.
#[must_use]
pub(crate) fn may_be_held(
    stored: &ResponsePolicy,
    lifetime: &Lifetime,
    validity: Validity,
    hold: Hold,
    now: Timestamp,
) -> bool {
    if lifetime.is_over(now) || lifetime.fresh_for.is_zero() || stored.directives.no_cache == Qualified::Whole {
        return false;
    }
    match (validity, StaleBy::of(stored)) {
        (Validity::ByAge | Validity::SoftPurged, StaleBy::Anyone | StaleBy::Operator) => true,
        (Validity::ByAge, StaleBy::Nobody) => hold == Hold::Freeze,
        (Validity::Unproven, _) | (Validity::SoftPurged, StaleBy::Nobody) => false,
    }
}

/// Judges a stored response against the directives of the presented request. The first clause that applies decides.
#[must_use]
pub fn judge(
    stored: &ResponsePolicy,
    lifetime: &Lifetime,
    validity: Validity,
    presented: &RequestDirectives,
    now: Timestamp,
) -> Judgement {
    let (age, spent) = (stored.current_age(now), stored.spent(lifetime, now));
    let case = Case { stored, lifetime, validity, presented, age, spent };
    // RFC 9111 section 5.2.2.4: "MUST NOT be used to satisfy any other request without [...] validating it".
    if stored.directives.no_cache == Qualified::Whole {
        return revalidate_or_fail(MustValidate::ResponseNoCache);
    }
    // RFC 9111 section 5.2.1.4, and section 5.4 for Pragma: the client wants the origin's own answer, so a failure to
    // get it is what the client has to get.
    if presented.no_cache {
        return revalidate_or_fail(MustValidate::RequestNoCache);
    }
    if presented.pragma_no_cache {
        return revalidate_or_fail(MustValidate::RequestPragma);
    }
    // What was true before that moment is not served after it, however the origin fares.
    if lifetime.is_over(now) {
        return revalidate_or_fail(MustValidate::NotAfter);
    }
    match case.remaining() {
        _ if validity == Validity::Unproven => case.judge_unproven(),
        Some(ttl) => case.judge_fresh(ttl),
        None => case.judge_stale(),
    }
}

/// Who may let a stored response be served stale: RFC 9111 section 4.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StaleBy {
    /// The origin, the client or the operator.
    Anyone,
    /// The operator alone. RFC 9111 section 5.2.2.10: s-maxage "incorporates the semantics of the proxy-revalidate
    /// response directive".
    Operator,
    /// Nobody: no-cache, must-revalidate, proxy-revalidate (RFC 9111 sections 5.2.2.4, 5.2.2.2, 5.2.2.8).
    Nobody,
}

impl StaleBy {
    fn of(stored: &ResponsePolicy) -> Self {
        let directives = &stored.directives;
        if directives.no_cache == Qualified::Whole || directives.must_revalidate || directives.proxy_revalidate {
            Self::Nobody
        } else if directives.s_maxage.is_some() {
            Self::Operator
        } else {
            Self::Anyone
        }
    }
}

const fn revalidate_or_fail(why: MustValidate) -> Judgement {
    Judgement::Revalidate { why, on_failure: OnOriginFailure::Fail }
}

/// All that one judgement looks at.
struct Case<'a> {
    stored: &'a ResponsePolicy,
    lifetime: &'a Lifetime,
    validity: Validity,
    presented: &'a RequestDirectives,
    age: Duration,
    /// How much of the lifetime is over.
    spent: Duration,
}

impl Case<'_> {
    /// What is left of the lifetime; `None` if it is stale. RFC 9111 section 4.2: fresh while the lifetime is greater
    /// than the age.
    fn remaining(&self) -> Option<Duration> {
        match self.validity {
            Validity::SoftPurged => None,
            Validity::ByAge | Validity::Unproven => {
                self.lifetime.fresh_for.checked_sub(self.spent).filter(|ttl| !ttl.is_zero())
            }
        }
    }

    /// How far past its lifetime it is. Zero for one that only a soft purge made stale; a purge makes nothing younger.
    fn staleness(&self) -> Duration {
        self.spent.saturating_sub(self.lifetime.fresh_for)
    }

    fn judge_fresh(&self, ttl: Duration) -> Judgement {
        // RFC 9111 section 5.2.1.1
        if self.exceeds_presented_max_age() {
            return self.revalidate_fresh(MustValidate::RequestMaxAge);
        }
        // RFC 9111 section 5.2.1.3
        if self.presented.min_fresh.is_some_and(|min_fresh| ttl < min_fresh) {
            return self.revalidate_fresh(MustValidate::RequestMinFresh);
        }
        Judgement::Fresh { ttl }
    }

    /// The origin is asked. Only where it fails may what is stored be served: as fresh as its age says, or as stale.
    fn judge_unproven(&self) -> Judgement {
        let on_failure = match self.remaining() {
            Some(_) => OnOriginFailure::ServeStale,
            None => self.on_failure_when_stale(),
        };
        Judgement::Revalidate { why: MustValidate::Unproven, on_failure }
    }

    fn judge_stale(&self) -> Judgement {
        let why = if self.validity == Validity::SoftPurged { MustValidate::SoftPurged } else { MustValidate::Expired };
        let revalidate = Judgement::Revalidate { why, on_failure: self.on_failure_when_stale() };
        // RFC 9111 section 5.2.1.1 and 5.2.1.3: with max-age or min-fresh the client asks for a fresh response, unless
        // max-stale goes with a max-age that is kept.
        if self.exceeds_presented_max_age() || self.presented.min_fresh.is_some_and(|wanted| !wanted.is_zero()) {
            return revalidate;
        }
        if self.presented.max_age.is_some() && self.presented.max_stale.is_none() {
            return revalidate;
        }
        let staleness = self.staleness();
        // RFC 5861 section 3. Before max-stale: both serve it now, this one also has it refreshed.
        if self.holds(self.lifetime.stale_while_revalidate) {
            return Judgement::StaleWhileRevalidate { staleness };
        }
        // RFC 9111 section 5.2.1.2, and 4.2.4: not where a directive forbids stale answers.
        if StaleBy::of(self.stored) == StaleBy::Anyone && self.accepted_by_max_stale(staleness) {
            return Judgement::StaleAccepted { staleness };
        }
        revalidate
    }

    /// Whether it is older than the request's max-age. `max-age=0` is how a client asks for the origin's own answer, so
    /// it is exceeded even in the millisecond of arrival.
    fn exceeds_presented_max_age(&self) -> bool {
        self.presented.max_age.is_some_and(|max_age| self.age > max_age || max_age.is_zero())
    }

    fn accepted_by_max_stale(&self, staleness: Duration) -> bool {
        match self.presented.max_stale {
            None => false,
            Some(_) if self.lifetime.fresh_for.is_zero() => false,
            Some(MaxStale::Any) => true,
            Some(MaxStale::UpTo(most)) => staleness <= most,
        }
    }

    /// It is fresh, but not as fresh as the request asks. max-age and min-fresh say what the client prefers (RFC 9111
    /// section 5.2.1.1 and 5.2.1.3), unlike no-cache they ask for no validation; so where the origin fails, what is
    /// still fresh serves the client better than an error, and no directive against stale answers applies to it.
    fn revalidate_fresh(&self, why: MustValidate) -> Judgement {
        let on_failure = if self.has_stale_if_error() {
            OnOriginFailure::ServeStale
        } else {
            OnOriginFailure::ServeStaleWhenUnreachable
        };
        Judgement::Revalidate { why, on_failure }
    }

    fn has_stale_if_error(&self) -> bool {
        self.lifetime.stale_if_error.is_some() || self.presented.stale_if_error.is_some()
    }

    /// What never was fresh is served stale only where its own window says so: neither a client nor a lost connection
    /// makes an answer common property that the origin wanted to be asked about each time.
    ///
    /// RFC 5861 section 4: a window given by the response, the route or the request. Past all of them the response is
    /// too old; where nobody gives one, RFC 9111 section 4.2.4 lets a cache serve stale while it is disconnected.
    fn on_failure_when_stale(&self) -> OnOriginFailure {
        if self.holds(self.lifetime.stale_if_error) {
            return OnOriginFailure::ServeStale;
        }
        // RFC 9111 section 4.2.4: no stale answer where a directive forbids it.
        if StaleBy::of(self.stored) != StaleBy::Anyone || self.lifetime.fresh_for.is_zero() {
            return OnOriginFailure::Fail;
        }
        if within(self.staleness(), self.presented.stale_if_error) {
            return OnOriginFailure::ServeStale;
        }
        if self.has_stale_if_error() {
            return OnOriginFailure::Fail;
        }
        OnOriginFailure::ServeStaleWhenUnreachable
    }

    /// Whether a stale window covers the response now. `s-maxage` speaks against every stale answer (RFC 9111 section
    /// 5.2.2.10), so under it a window is one that the operator has asked for; what says must-revalidate,
    /// proxy-revalidate or no-cache is never served stale.
    fn holds(&self, window: Option<StaleWindow>) -> bool {
        let Some(window) = window else { return false };
        let is_allowed = match StaleBy::of(self.stored) {
            StaleBy::Anyone => true,
            StaleBy::Operator => window.asked_by == Asker::Operator,
            StaleBy::Nobody => false,
        };
        is_allowed && within(self.staleness(), Some(window.length))
    }
}

/// Whether a staleness lies within a window. A window of zero holds nothing.
fn within(staleness: Duration, window: Option<Duration>) -> bool {
    window.is_some_and(|window| !window.is_zero() && staleness <= window)
}

#[cfg(test)]
#[path = "reuse_tests.rs"]
mod tests;
