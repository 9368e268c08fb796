//! The plan for a request, made of what is stored and of how that stands to the purges.

use super::Engine;
use super::origin_failure::OriginFailure;
use crate::clock::Timestamp;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::invalidation::barriers::Covering;
use crate::invalidation::{Currency, Standing};
use crate::plan::Plan;
use crate::plan::request::CacheableRequest;
use crate::plan::serving::Ask;
use crate::scope::{Membership, RouteName, Tag, Tags};
use crate::stamp::Stamp;
use std::sync::atomic::Ordering;

impl Engine {
    /// The plan for a request, by what is in memory.
    pub(super) fn plan(&self, request: &CacheableRequest, now: Timestamp) -> Plan {
        self.plan_with(request, self.memory().lookup(&request.key).as_ref(), now)
    }

    /// The plan for a request, by what is stored under its key.
    pub(super) fn plan_with(&self, request: &CacheableRequest, stored: Option<&Variants>, now: Timestamp) -> Plan {
        let failing = || self.failing.recall(&request.key, now).map(|failure| failure.failing());
        Plan::of(request, stored, |entry| self.standing_now(request, entry), failing, now)
    }

    /// As [`Self::standing`]; and nothing is clear where purges may have been missed.
    pub(super) fn standing_now(&self, request: &CacheableRequest, entry: &Entry) -> Standing {
        match self.standing(request, entry) {
            Standing::Clear | Standing::SoftPurged if self.invalidation().currency() == Currency::Unproven => {
                Standing::Unproven
            }
            standing => standing,
        }
    }

    /// Whether a purge covers an entry that is stored for a request, by what it was stored with or by the rules of the
    /// request. The barriers are asked only where one was raised, or the rules changed, since the last time.
    pub(super) fn standing(&self, request: &CacheableRequest, entry: &Entry) -> Standing {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::PurgeIgnored) {
            return Standing::Clear;
        }
        let rules = request.rules.number();
        let generation = cleared_under(self.invalidation().generation(), rules);
        if entry.cleared_generation.load(Ordering::Relaxed) == generation {
            return self.once_settled(entry, Standing::Clear);
        }
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::BodiesUnpurged) && request.body.is_some() {
            return Standing::Clear;
        }
        let stored = self.standing_as_stored(entry);
        let standing =
            if entry.filed_by() == rules { stored } else { stored.max(self.standing_by_rules(request, entry.stamp())) };
        if standing == Standing::Clear {
            entry.cleared_generation.store(generation, Ordering::Relaxed);
        }
        self.once_settled(entry, standing)
    }

    /// Whether what is stored may stand in for a failed answer, also now.
    pub(super) fn stands_in(&self, request: &CacheableRequest, ask: &Ask, failure: &OriginFailure) -> bool {
        let is_purged = |entry| self.standing(request, entry) == Standing::Purged;
        ask.stands_in(failure.failing()) && !ask.stored.as_ref().is_some_and(|(entry, _)| is_purged(entry))
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
        let others = earlier.since(stamp).flat_map(|rules| rules.filings(&request.target));
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
