//! How long a request waits, and what it takes rather than to wait longer.
//!
//! One deadline holds for all that a request may wait for one after another: a shared fetch, a turn, another instance's
//! fetch, tries at the origin. Where something stale may stand in for an origin that fails, nobody waits for it again and
//! again: what was found out about a key is remembered for a short while, in which one fetch at a time tries anew.

use super::Engine;
use super::find::{Ask, Usable, lifetime_of};
use super::flown::OriginFailure;
use super::request::{CacheableRequest, Sharing};
use crate::invalidation::{Currency, Standing};
use crate::rules::Route;
use crate::semantics::reason::Reason;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

impl CacheableRequest {
    /// So long, and not past the deadline.
    pub(super) fn at_most(&self, wait: Duration) -> Duration {
        self.deadline.map_or(wait, |deadline| wait.min(deadline.saturating_duration_since(Instant::now())))
    }

    /// Why a wait of [`Self::at_most`] ended in vain: for the deadline, or for this.
    pub(super) fn over_for(&self, why: Reason) -> Reason {
        let is_overdue = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if is_overdue { Reason::UpstreamTimeout } else { why }
    }
}

impl Engine {
    /// `upstream.request_timeout`, or the route's own `read_timeout` where that is longer: it is meant for long polls.
    pub(super) fn patience(&self, route: Option<&Route>) -> Duration {
        let usual = self.front.request_timeout;
        route.and_then(|route| route.read_timeout).map_or(usual, |own| own.max(usual))
    }

    /// Whether what is stored may be served rather than to wait for an origin that fails so: not where a purge may have
    /// been missed, for then it may be wrong, and not merely old.
    pub(super) fn stands_in_at_once_for(&self, request: &CacheableRequest, ask: &Ask, failure: &OriginFailure) -> bool {
        let Some((entry, _)) = &ask.stored else { return false };
        ask.stands_in(failure)
            && self.invalidation().currency() == Currency::Proven
            && self.standing(request, entry) < Standing::Unproven
    }

    /// What may be served at once because the origin has failed for this key a short while ago.
    pub(super) fn stand_in_for_failing(&self, request: &CacheableRequest, ask: &Ask) -> Option<Usable> {
        let (entry, _) = ask.stored.as_ref()?;
        if entry.part().is_some() || matches!(request.sharing(), Sharing::Alone(why) if why != Reason::HeadOrRange) {
            return None;
        }
        let failure = self.failing.recall(&request.key, self.now())?;
        self.stands_in_at_once_for(request, ask, &failure).then(|| Usable {
            entry: Arc::clone(entry),
            why: failure.stands_in_as(),
            lifetime: lifetime_of(request, entry),
        })
    }

    /// Notes that the origin fails for a key.
    pub(super) fn has_failed(&self, request: &CacheableRequest, failure: &Arc<OriginFailure>) {
        let is_of_origin = match failure.reason {
            Reason::UpstreamErrorStatus => {
                failure.status.is_some_and(|status| request.route.lifetime.is_failure(status))
            }
            Reason::UpstreamNoServer
            | Reason::UpstreamConnect
            | Reason::UpstreamTimeout
            | Reason::UpstreamClosed
            | Reason::UpstreamInvalid
            | Reason::CoalesceWaitOver => true,
            _ => false,
        };
        if is_of_origin {
            self.failing.remember(&request.key, Arc::clone(failure), self.now());
        }
    }

    /// Notes that the origin has answered for a key.
    pub(super) fn has_answered(&self, request: &CacheableRequest) {
        self.failing.forget(&request.key);
    }
}
