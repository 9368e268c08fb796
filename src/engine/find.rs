//! What is stored for a request, and whether it answers it now.

use super::Engine;
use super::deliver::{self, Holding};
use super::fetch::Wanted;
use super::flown::OriginFailure;
use super::request::{CacheableRequest, CookieStanding};
use crate::clock::Timestamp;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::invalidation::barriers::Covering;
use crate::invalidation::{Currency, Standing};
use crate::scope::{Membership, RouteName, Tag, Tags};
use crate::semantics::cache_status::Forward;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::{Judgement, OnOriginFailure, Validity, judge};
use crate::semantics::storable::withheld_by;
use crate::stamp::Stamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the store has for a request.
#[derive(Debug)]
pub(super) enum Found {
    /// An entry that answers it without asking the origin.
    Usable(Usable),
    /// The origin must be asked.
    Ask(Ask),
}

/// An entry that may be served now.
#[derive(Debug)]
pub(super) struct Usable {
    /// The entry.
    pub(super) entry: Arc<Entry>,
    /// `Fresh`, or why it is served stale, or `RefreshAhead`.
    pub(super) why: Reason,
    /// Its lifetime under the rules in force.
    pub(super) lifetime: Lifetime,
}

/// Why the origin is asked, and what there is to fall back on.
#[derive(Debug)]
pub(super) struct Ask {
    /// The `fwd` of Cache-Status.
    pub(super) forward: Forward,
    /// The reason in detail.
    pub(super) why: Reason,
    /// What is stored all the same: to be validated, completed, or served should the origin fail.
    pub(super) stored: Option<(Arc<Entry>, OnOriginFailure)>,
}

impl Ask {
    /// Whether something stale that is stored may stand in for a failed answer.
    pub(super) fn stands_in(&self, failure: &OriginFailure) -> bool {
        match &self.stored {
            Some((_, OnOriginFailure::ServeStale)) => true,
            // An origin that is slow can be reached.
            Some((_, OnOriginFailure::ServeStaleWhenUnreachable)) => {
                failure.status.is_none() && failure.reason != Reason::CoalesceWaitOver
            }
            Some((_, OnOriginFailure::Fail(_))) | None => false,
        }
    }

    fn nothing(forward: Forward, why: Reason) -> Found {
        Found::Ask(Self { forward, why, stored: None })
    }
}

impl Engine {
    /// Looks the request up and judges what is there.
    pub(super) fn find(&self, request: &CacheableRequest, now: Timestamp) -> Found {
        let variants = self.memory().lookup(&request.key);
        self.find_among(request, variants.as_ref(), now)
    }

    /// Judges what is stored under the request's key.
    pub(super) fn find_among(&self, request: &CacheableRequest, stored: Option<&Variants>, now: Timestamp) -> Found {
        let Some(stored) = stored else {
            return Ask::nothing(Forward::UriMiss, Reason::NoEntry);
        };
        let Some(entry) = request.select(stored) else {
            return Ask::nothing(Forward::VaryMiss, Reason::NoVariant);
        };
        let validity = match self.standing(request, entry) {
            Standing::Purged => return Ask::nothing(Forward::UriMiss, Reason::Purged),
            Standing::Unproven => Validity::Unproven,
            _ if self.invalidation().currency() == Currency::Unproven => Validity::Unproven,
            Standing::SoftPurged => Validity::SoftPurged,
            Standing::Clear => Validity::ByAge,
        };
        judge_entry(request, entry, validity, now)
    }

    /// Whether a purge covers an entry that is stored for a request, by what it was stored with or by the rules of the
    /// request. The barriers are asked only where one was raised, or the rules changed, since the last time.
    pub(super) fn standing(&self, request: &CacheableRequest, entry: &Entry) -> Standing {
        let rules = request.rules.number();
        let generation = cleared_under(self.invalidation().generation(), rules);
        if entry.cleared_generation.load(Ordering::Relaxed) == generation {
            return Standing::Clear;
        }
        let stored = self.standing_as_stored(entry);
        let standing =
            if entry.filed_by() == rules { stored } else { stored.max(self.standing_by_rules(request, entry.stamp())) };
        if standing == Standing::Clear {
            entry.cleared_generation.store(generation, Ordering::Relaxed);
        }
        standing
    }

    /// What may be asked of the origin now: a hard purge may have come since it was decided. What that took is neither
    /// confirmed nor completed, but fetched whole.
    pub(super) fn allowed(&self, request: &CacheableRequest, wanted: Wanted) -> Wanted {
        match &wanted {
            Wanted::Validation(stored, _) | Wanted::Rest(stored)
                if self.standing(request, stored) == Standing::Purged =>
            {
                Wanted::Whole
            }
            _ => wanted,
        }
    }

    /// Whether what is stored may stand in for a failed answer, also now.
    pub(super) fn stands_in(&self, request: &CacheableRequest, ask: &Ask, failure: &OriginFailure) -> bool {
        let is_purged = |entry| self.standing(request, entry) == Standing::Purged;
        ask.stands_in(failure) && !ask.stored.as_ref().is_some_and(|(entry, _)| is_purged(entry))
    }

    /// Whether a purge covers an entry by what it was stored with.
    pub(super) fn standing_as_stored(&self, entry: &Entry) -> Standing {
        self.invalidation().standing(entry.stamp(), &entry.membership())
    }

    /// Whether a purge covers what was fetched for a request at `stamp`, by the route and the tags that the request's rules
    /// give it, and all rules that were in force since then.
    pub(super) fn standing_by_rules(&self, request: &CacheableRequest, stamp: Stamp) -> Standing {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::RulesForgotten) {
            return Standing::Clear;
        }
        let by = |membership: &Membership<'_>| self.invalidation().standing(stamp, membership);
        let standing = self.by_rules(request, stamp, by).into_iter().fold(Standing::Clear, Standing::max);
        // Read after the sets: one that is forgotten in between has been asked.
        let has_forgotten = self.earlier_rules.load().has_forgotten_since(stamp);
        if has_forgotten { standing.max(Standing::Unproven) } else { standing }
    }

    /// What comes of each way in which the request's rules, and all that were in force since `stamp`, file its answer.
    fn by_rules<T>(&self, request: &CacheableRequest, stamp: Stamp, make: impl Fn(&Membership<'_>) -> T) -> Vec<T> {
        let by = |route: &RouteName, tags: &[Tag]| {
            make(&Membership { route, tags: Tags::Listed(tags), ..request.membership(&[]) })
        };
        let earlier = self.earlier_rules.load();
        let others = earlier.since(stamp).filter_map(|rules| rules.filing(&request.target));
        let others = others.map(|(route, tags)| by(&route.name, &tags));
        std::iter::once(by(&request.route.name, &request.known_tags())).chain(others).collect()
    }

    /// The purge that [`Self::standing`] finds to cover an entry, if it is one.
    pub(super) fn covering(&self, request: &CacheableRequest, entry: &Entry) -> Option<Covering> {
        let by = |membership: &Membership<'_>| self.invalidation().covering(entry.stamp(), membership);
        let by_rules = self.by_rules(request, entry.stamp(), by).into_iter().flatten();
        by_rules.chain(by(&entry.membership())).max_by_key(|covering| (covering.depth, covering.stamp))
    }
}

/// The generation of barriers and the number of the rules as one value, so that a hit compares once. Neither repeats within
/// the life of an entry: that would take 2^40 purges or 2^24 reloads.
const fn cleared_under(generation: u64, rules: u32) -> u64 {
    const GENERATION_BITS: u32 = 40;
    ((rules as u64) << GENERATION_BITS) | (generation & ((1 << GENERATION_BITS) - 1))
}

/// The lifetime of an entry under the rules in force.
pub(super) fn lifetime_of(request: &CacheableRequest, entry: &Entry) -> Lifetime {
    request.route.lifetime.lifetime(&entry.policy(), entry.stored_at().as_millis())
}

fn judge_entry(request: &CacheableRequest, entry: &Arc<Entry>, validity: Validity, now: Timestamp) -> Found {
    let policy = request.seen(entry.policy());
    if let Some(why) = withheld_by(&policy) {
        return Ask::nothing(Forward::UriMiss, why);
    }
    let lifetime = request.route.lifetime.lifetime(&policy, entry.stored_at().as_millis());
    if request.cookie_standing(&policy, &lifetime, &entry.variant().0) == CookieStanding::Undecided {
        return Ask::nothing(Forward::Request, Reason::CookieUndecided);
    }
    let holding = deliver::holding(entry, &request.method, &request.headers, now);
    let usable = |why| Usable { entry: Arc::clone(entry), why, lifetime };
    let found = match judge(&policy, &lifetime, validity, &request.directives, now) {
        Judgement::Fresh { ttl } => usable(late_in_life(request, &lifetime, ttl)),
        Judgement::StaleAccepted { .. } => usable(Reason::RequestMaxStale),
        Judgement::StaleWhileRevalidate { .. } => usable(Reason::StaleWhileRevalidate),
        Judgement::Revalidate { why, on_failure } => {
            let why = if validity == Validity::SoftPurged { Reason::SoftPurged } else { why };
            let forward = forward_of(why);
            // A part that holds too little neither validates nor stands in for what is asked.
            let stored = (holding == Holding::Held).then(|| (Arc::clone(entry), on_failure));
            return Found::Ask(Ask { forward, why, stored });
        }
    };
    if holding == Holding::Held {
        return Found::Usable(found);
    }
    let stored = Some((found.entry, OnOriginFailure::Fail(Reason::PartStored)));
    Found::Ask(Ask { forward: Forward::Partial, why: Reason::PartStored, stored })
}

/// `Fresh`, or `RefreshAhead` where the hit comes past the route's share of the lifetime.
fn late_in_life(request: &CacheableRequest, lifetime: &Lifetime, ttl: Duration) -> Reason {
    match request.route.lifetime.refresh_ahead {
        Some(share) if ttl < lifetime.fresh_for.mul_f64((1.0 - share).clamp(0.0, 1.0)) => Reason::RefreshAhead,
        _ => Reason::Fresh,
    }
}

fn forward_of(why: Reason) -> Forward {
    match why {
        Reason::RequestNoCache
        | Reason::RequestPragma
        | Reason::RequestNoStore
        | Reason::RequestMaxAge
        | Reason::RequestMinFresh => Forward::Request,
        _ => Forward::Stale,
    }
}
