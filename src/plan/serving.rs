//! What a plan holds: as what a stored response is served, or why the origin is asked.

use super::Plan;
use super::outcome::Outcome;
use super::request::{Alone, CacheableRequest, Sharing};
use crate::entry::Entry;
use crate::invalidation::Standing;
use crate::semantics::cache_status::Forward;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::{Hold, MustValidate, OnOriginFailure};
use std::sync::Arc;
use std::time::Duration;

/// A stored response that answers a request.
#[derive(Debug)]
pub(crate) struct Usable {
    /// The response.
    pub(crate) entry: Arc<Entry>,
    /// As what it is served.
    pub(crate) how: Serving,
    /// Its lifetime under the rules in force.
    pub(crate) lifetime: Lifetime,
}

/// As what a stored response is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    /// It is fresh.
    Fresh,
    /// It is fresh, and late enough in its lifetime to be refreshed.
    RefreshAhead,
    /// It is fresh, and was found in the tier that all instances share.
    FromSharedTier,
    /// It is stale, and refreshed meanwhile: RFC 5861 section 3.
    StaleWhileRevalidate,
    /// It is stale, and the request accepts that: max-stale.
    MaxStale,
    /// It is past its lifetime, or covered by a soft purge, and an operator lets it be served so for a while.
    Held(Hold),
    /// It is stale, and served in place of the origin's answer.
    InPlaceOf(Failing),
}

/// What keeps the origin from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// It answers with an error.
    Answers,
    /// It can't be reached.
    Unreachable,
    /// It takes longer than `coalesce_wait`.
    Slow,
    /// As many fetches are under way as `miss_limit` allows.
    Busy,
    /// As many requests of this client wait as `limits.per_client` allows.
    ClientBusy,
    /// As many requests are under way as `max_requests` allows.
    Full,
}

/// Why the origin is asked, and what there is to fall back on.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Why.
    pub(crate) why: WhyAsked,
    /// What is stored all the same: to be validated, completed, or served should the origin fail.
    pub(crate) stored: Option<(Arc<Entry>, OnOriginFailure)>,
}

/// Why the origin is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhyAsked {
    /// Nothing is stored under the key.
    NoEntry,
    /// No variant that is stored fits the request.
    NoVariant,
    /// A hard purge covers what is stored.
    Purged,
    /// What is stored was fetched shortly after a purge, and is kept no longer.
    Settled,
    /// What is stored may not be given to others any more.
    Withheld(Reason),
    /// The request brings cookies of which nobody says whether they change the response.
    CookieUndecided,
    /// Only a part is stored, and the request asks for more.
    PartStored,
    /// What is stored must be validated.
    MustValidate(MustValidate),
    /// The request presents a stamp, and what is stored was fetched before.
    OlderThanStamp,
    /// The request presents a stamp that this instance has not reached.
    StampUnreached,
}

impl WhyAsked {
    /// The `fwd` of Cache-Status.
    pub(crate) const fn forward(self) -> Forward {
        match self {
            Self::NoEntry | Self::Purged | Self::Settled | Self::Withheld(_) => Forward::UriMiss,
            Self::NoVariant => Forward::VaryMiss,
            Self::CookieUndecided | Self::OlderThanStamp | Self::StampUnreached => Forward::Request,
            Self::PartStored => Forward::Partial,
            Self::MustValidate(why) => why.forward(),
        }
    }
}

impl From<WhyAsked> for Reason {
    fn from(why: WhyAsked) -> Self {
        match why {
            WhyAsked::NoEntry => Self::NoEntry,
            WhyAsked::NoVariant => Self::NoVariant,
            WhyAsked::Purged => Self::Purged,
            WhyAsked::Settled => Self::Settled,
            WhyAsked::Withheld(why) => why,
            WhyAsked::CookieUndecided => Self::CookieUndecided,
            WhyAsked::PartStored => Self::PartStored,
            WhyAsked::MustValidate(why) => why.into(),
            WhyAsked::OlderThanStamp => Self::OlderThanStamp,
            WhyAsked::StampUnreached => Self::StampUnreached,
        }
    }
}

impl Serving {
    /// As what a response with this left of its lifetime is served.
    pub(super) fn fresh(request: &CacheableRequest, lifetime: &Lifetime, ttl: Duration) -> Self {
        match request.route.lifetime.refresh_ahead.filter(|_| request.claimed.is_none()) {
            Some(share) if ttl < lifetime.fresh_for.mul_f64((1.0 - share).clamp(0.0, 1.0)) => Self::RefreshAhead,
            _ => Self::Fresh,
        }
    }

    /// The outcome that is counted.
    pub(crate) const fn outcome(self) -> Outcome {
        match self {
            Self::Fresh | Self::RefreshAhead | Self::FromSharedTier => Outcome::Hit,
            Self::StaleWhileRevalidate | Self::MaxStale | Self::Held(_) | Self::InPlaceOf(_) => Outcome::Stale,
        }
    }
}

impl From<Serving> for Reason {
    fn from(serving: Serving) -> Self {
        match serving {
            Serving::Fresh => Self::Fresh,
            Serving::RefreshAhead => Self::RefreshAhead,
            Serving::FromSharedTier => Self::SharedTier,
            Serving::StaleWhileRevalidate => Self::StaleWhileRevalidate,
            Serving::MaxStale => Self::RequestMaxStale,
            Serving::Held(Hold::StaleOnly) => Self::SwitchStaleOnly,
            Serving::Held(Hold::Freeze) => Self::SwitchFreeze,
            Serving::InPlaceOf(Failing::Answers) => Self::StaleIfError,
            Serving::InPlaceOf(Failing::Unreachable) => Self::StaleOnDisconnect,
            Serving::InPlaceOf(Failing::Slow) => Self::CoalesceWaitOver,
            Serving::InPlaceOf(Failing::Busy) => Self::MissLimit,
            Serving::InPlaceOf(Failing::ClientBusy) => Self::ClientMisses,
            Serving::InPlaceOf(Failing::Full) => Self::MaxRequests,
        }
    }
}

impl Ask {
    pub(super) const fn nothing(why: WhyAsked) -> Plan {
        Plan::Ask(Self { why, stored: None })
    }

    /// Whether something stale that is stored may stand in while the origin fails so.
    pub(crate) const fn stands_in(&self, failing: Failing) -> bool {
        match &self.stored {
            Some((_, OnOriginFailure::ServeStale)) => true,
            // An origin that is slow can be reached.
            Some((_, OnOriginFailure::ServeStaleWhenUnreachable)) => {
                matches!(failing, Failing::Unreachable | Failing::Busy | Failing::ClientBusy | Failing::Full)
            }
            Some((_, OnOriginFailure::Fail)) | None => false,
        }
    }

    /// What may stand in at once while the origin fails so. Not where a purge may have been missed, for then it may be
    /// wrong, and not merely old.
    pub(crate) fn stand_in_at_once(
        &self,
        request: &CacheableRequest,
        failing: Failing,
        standing: impl Fn(&Entry) -> Standing,
    ) -> Option<Usable> {
        let (entry, _) = self.stored.as_ref().filter(|_| self.stands_in(failing))?;
        (standing(entry) < Standing::Unproven).then(|| Usable {
            entry: Arc::clone(entry),
            how: Serving::InPlaceOf(failing),
            lifetime: request.lifetime_of(entry),
        })
    }

    /// Whether a request waits for no probe of an origin that has just failed, but takes what is stored meanwhile.
    pub(super) fn may_skip_the_origin(&self, request: &CacheableRequest) -> bool {
        let is_whole = self.stored.as_ref().is_some_and(|(entry, _)| entry.part().is_none());
        is_whole && !matches!(request.sharing(), Sharing::Alone(why) if why != Alone::HeadOrRange)
    }
}
