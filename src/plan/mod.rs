//! What is done about a request: decided here, by a pure function, and carried out by the engine.
//!
//! [`Way::of`](way::Way::of) decides by the rules and the request's form, before anything is looked up; [`Plan::of`] by
//! what is stored, how it stands to the purges, and how the origin has fared. What answers, explains or refreshes asks
//! these two, so that none of them can come to another end; [`Wanted`](wanted::Wanted) says what the origin is then asked. A
//! [`Reason`](crate::semantics::reason::Reason) is the label of what was decided.

pub(crate) mod by_operation;
pub(crate) mod holding;
pub(crate) mod outcome;
pub(crate) mod request;
mod request_again;
pub(crate) mod way;

pub(crate) mod serving;
pub(crate) mod wanted;

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::invalidation::Standing;
use crate::semantics::cache_status::Forward;
use crate::semantics::reuse::{Judgement, MustValidate, OnOriginFailure, Validity, judge, may_be_held};
use crate::semantics::storable::withheld_by;
use crate::stamps::place::NotBefore;
use holding::{Holding, holding};
use request::{CacheableRequest, CookieStanding};
use serving::{Ask, Failing, Serving, Usable, WhyAsked};
use std::sync::Arc;

/// What is done about a request on a route that caches.
#[derive(Debug)]
pub(crate) enum Plan {
    /// What is stored answers it.
    Serve(Usable),
    /// The origin is asked.
    Ask(Ask),
    /// The origin would have to be asked, and the request says only-if-cached: RFC 9111 section 5.2.1.7.
    Refuse(Forward),
}

impl Plan {
    /// The plan for a request for which this is stored under its key. `standing` says what purges make of a stored
    /// response, also those that may have been missed; `failing`, whether the origin has failed for the key of late.
    pub(crate) fn of(
        request: &CacheableRequest,
        stored: Option<&Variants>,
        standing: impl Fn(&Entry) -> Standing,
        failing: impl FnOnce() -> Option<Failing>,
        now: Timestamp,
    ) -> Self {
        let ask = match Self::by_lookup(request, stored, &standing, now) {
            Self::Ask(ask) if request.directives.only_if_cached => return Self::Refuse(ask.why.forward()),
            Self::Ask(ask) => ask,
            decided => return decided,
        };
        let failing = if ask.may_skip_the_origin(request) { failing() } else { None };
        match failing.and_then(|failing| ask.stand_in_at_once(request, failing, standing)) {
            Some(usable) => Self::Serve(usable),
            None => Self::Ask(ask),
        }
    }

    fn by_lookup(
        request: &CacheableRequest,
        stored: Option<&Variants>,
        standing: impl Fn(&Entry) -> Standing,
        now: Timestamp,
    ) -> Self {
        // Not even to be validated: what this instance has not heard of may be a hard purge.
        if request.not_before == NotBefore::Unreached {
            return Ask::nothing(WhyAsked::StampUnreached);
        }
        let Some(stored) = stored else { return Ask::nothing(WhyAsked::NoEntry) };
        let Some(entry) = request.select(stored) else { return Ask::nothing(WhyAsked::NoVariant) };
        match standing(entry) {
            Standing::Purged if entry.settling().is_some_and(|settling| settling.is_over(now)) => {
                Ask::nothing(WhyAsked::Settled)
            }
            Standing::Purged => Ask::nothing(WhyAsked::Purged),
            Standing::Unproven => Self::by_reuse(request, entry, Validity::Unproven, now),
            Standing::SoftPurged => Self::by_reuse(request, entry, Validity::SoftPurged, now),
            Standing::Clear => Self::by_reuse(request, entry, Validity::ByAge, now),
        }
    }

    fn by_reuse(request: &CacheableRequest, entry: &Arc<Entry>, validity: Validity, now: Timestamp) -> Self {
        let policy = request.seen(entry.policy());
        if let Some(why) = withheld_by(&policy) {
            return Ask::nothing(WhyAsked::Withheld(why));
        }
        let lifetime = request.lifetime(&policy, entry);
        if request.cookie_standing(&policy, &lifetime, &entry.variant().0) == CookieStanding::Undecided {
            return Ask::nothing(WhyAsked::CookieUndecided);
        }
        // A part that holds too little neither validates nor stands in for what is asked.
        let held = holding(entry, &request.method, &request.headers, now);
        // Whatever else could be served stale may not, nor stand in for a failed answer.
        if !request.not_before.admits(entry.stamp()) {
            let stored = (held == Holding::Held).then(|| (Arc::clone(entry), OnOriginFailure::Fail));
            return Self::Ask(Ask { why: WhyAsked::OlderThanStamp, stored });
        }
        let how = match (judge(&policy, &lifetime, validity, &request.directives, now), request.hold) {
            (Judgement::Fresh { .. }, Some(_)) => Serving::Fresh,
            (Judgement::Fresh { ttl }, None) => Serving::fresh(request, &lifetime, ttl),
            (Judgement::StaleAccepted { .. }, _) => Serving::MaxStale,
            (Judgement::StaleWhileRevalidate { .. }, Some(by)) => Serving::Held(by),
            (Judgement::StaleWhileRevalidate { .. }, None) => Serving::StaleWhileRevalidate,
            (Judgement::Revalidate { .. }, Some(by)) if may_be_held(&policy, &lifetime, validity, by, now) => {
                Serving::Held(by)
            }
            (Judgement::Revalidate { why, on_failure }, _) => {
                let why = if validity == Validity::SoftPurged { MustValidate::SoftPurged } else { why };
                let stored = (held == Holding::Held).then(|| (Arc::clone(entry), on_failure));
                return Self::Ask(Ask { why: WhyAsked::MustValidate(why), stored });
            }
        };
        let entry = Arc::clone(entry);
        match held {
            Holding::Held => Self::Serve(Usable { entry, how, lifetime }),
            Holding::Missing => {
                Self::Ask(Ask { why: WhyAsked::PartStored, stored: Some((entry, OnOriginFailure::Fail)) })
            }
        }
    }
}
