//! How long a request waits, and what it takes rather than to wait longer.
//!
//! One deadline holds for all that a request may wait for one after another: a shared fetch, a turn, another instance's
//! fetch, tries at the origin. Where something stale may stand in for an origin that fails, nobody waits for it again and
//! again: what was found out about a key is remembered for a short while, in which one fetch at a time tries anew.

use super::Engine;
use super::origin_failure::OriginFailure;
use crate::plan::request::CacheableRequest;
use crate::plan::serving::Ask;
use crate::rules::Route;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// `upstream.request_timeout`, or the route's own `read_timeout` where that is longer: it is meant for long polls.
    pub(super) fn patience(&self, route: Option<&Route>) -> Duration {
        let usual = self.front.reception.load().request_timeout;
        route.and_then(|route| route.read_timeout).map_or(usual, |own| own.max(usual))
    }

    /// Whether what is stored may be served rather than to wait for an origin that fails so.
    pub(super) fn stands_in_at_once(&self, request: &CacheableRequest, ask: &Ask, failure: &OriginFailure) -> bool {
        ask.stand_in_at_once(request, failure.failing(), |entry| self.standing_now(request, entry)).is_some()
    }

    /// Notes that the origin fails for a key.
    pub(super) fn has_failed(&self, request: &CacheableRequest, failure: &Arc<OriginFailure>) {
        if failure.is_of_origin(&request.route.lifetime) {
            self.failing.remember(&request.key, Arc::clone(failure), self.now());
        }
    }

    /// Notes that the origin has answered for a key.
    pub(super) fn has_answered(&self, request: &CacheableRequest) {
        self.failing.forget(&request.key);
    }
}
