//! The tier that all instances share, as a request sees it: looked into before the origin is asked, written to after.

use super::Engine;
use super::fetch_outcome::FetchOutcome;
use super::requester::Requester;
use crate::clock::Timestamp;
use crate::coalesce::fetch_lease::{Claim, FetchLease, FetchLeases};
use crate::coalesce::flights::{FlightStage, FlightView, Leader};
use crate::entry::Entry;
use crate::entry::variants::Variants;
use crate::invalidation::{Currency, Standing};
use crate::key::PrimaryKey;
use crate::plan::Plan;
use crate::plan::request::{Alone, CacheableRequest, Sharing};
use crate::plan::serving::{Serving, Usable};
use crate::plan::wanted::Wanted;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::reuse::OnOriginFailure;
use crate::stamps::place::NotBefore;
use crate::store::tier::{Lookup, Tier};
use crate::store::write_behind::{Write, WriteBehind};
use http::header::{ETAG, LAST_MODIFIED};
use std::sync::Arc;
use std::time::Duration;

/// How long past its lifetime a response with a validator is kept at most, to be validated rather than fetched.
const KEPT_FOR_VALIDATION_MAX: Duration = Duration::from_hours(1);

/// The tier that all instances share.
#[derive(Clone)]
pub struct SharedTier {
    /// To read from.
    pub tier: Arc<dyn Tier>,
    /// To write by.
    pub writes: Arc<WriteBehind>,
    /// By which the instances agree who fetches for it.
    pub leases: Arc<dyn FetchLeases>,
}

/// What the shared tier has for a request.
#[derive(Debug)]
pub(super) enum FoundShared {
    /// A response that answers it.
    Usable(Usable),
    /// A response that the origin may confirm, or that may stand in for it.
    Stored(Arc<Entry>, OnOriginFailure),
    /// Nothing better than what is known already.
    Nothing,
}

impl Engine {
    /// Looks into the shared tier and keeps in memory what is there, with its true age.
    pub(super) async fn find_shared(&self, request: &CacheableRequest, wanted: &Wanted) -> FoundShared {
        let Some(shared) = self.shared_for(request) else { return FoundShared::Nothing };
        let Lookup::Found(variants) = shared.tier.lookup(&request.key).await else { return FoundShared::Nothing };
        let known = self.memory().peek(&request.key);
        for entry in variants.entries() {
            if self.standing(request, entry) == Standing::Clear && is_newer(entry, known.as_ref()) {
                self.memory().admit(&request.key, Arc::clone(entry));
            }
        }
        self.judge_shared(request, &variants, wanted, self.now())
    }

    /// The shared tier, if what is there may be of use to a request that would ask the origin.
    pub(super) fn shared_for(&self, request: &CacheableRequest) -> Option<&SharedTier> {
        let is_of_use = may_be_shared(request) && request.not_before != NotBefore::Unreached;
        let shared = self.shared.as_ref().filter(|_| is_of_use)?;
        // What can't be proven to be current must be validated: a copy from elsewhere helps no more than the one here.
        let is_current = self.invalidation().currency() == Currency::Proven;
        (is_current && self.recall_uncacheable(request).is_none()).then_some(shared)
    }

    /// What the variants in the shared tier are to a request that wants this of the origin.
    pub(super) fn judge_shared(
        &self,
        request: &CacheableRequest,
        variants: &Variants,
        wanted: &Wanted,
        now: Timestamp,
    ) -> FoundShared {
        match Plan::of(request, Some(variants), |entry| self.standing_now(request, entry), || None, now) {
            Plan::Serve(usable) if usable.how == Serving::Fresh => {
                FoundShared::Usable(Usable { how: Serving::FromSharedTier, ..usable })
            }
            Plan::Serve(usable) if matches!(usable.how, Serving::Held(_)) => FoundShared::Usable(usable),
            Plan::Ask(ask) if matches!(wanted, Wanted::Whole) => match ask.stored {
                Some((entry, on_failure)) if entry.part().is_none() => FoundShared::Stored(entry, on_failure),
                _ => FoundShared::Nothing,
            },
            Plan::Serve(usable) if matches!(wanted, Wanted::Whole) => {
                FoundShared::Stored(usable.entry, OnOriginFailure::ServeStale)
            }
            Plan::Serve(_) | Plan::Ask(_) | Plan::Refuse(_) => FoundShared::Nothing,
        }
    }

    /// Claims a fetch for the whole fleet, or waits for another instance's; not where its answer could not be shared
    /// with others, or theirs not be trusted here.
    pub(super) async fn claim(
        &self,
        request: &Requester,
        wanted: &Wanted,
        leader: &Leader<FetchOutcome>,
    ) -> Option<Claim> {
        let shared = self.shared_for(request)?;
        if !matches!(wanted, Wanted::Whole | Wanted::Validation(..)) {
            return None;
        }
        let may_share =
            |stamp| self.may_share(request, &FlightView { stamp, stage: FlightStage::Begun, announced: None });
        let wait = request.at_most(request.route.coalesce_wait);
        Some(shared.leases.claim(leader.key(), leader.stamp(), wait, &may_share).await)
    }

    /// Has an entry written to the shared tier, for as long as it can be of use.
    pub(super) fn share(
        &self,
        key: &PrimaryKey,
        entry: &Arc<Entry>,
        lifetime: &Lifetime,
        lease: Option<Arc<FetchLease>>,
    ) {
        let Some(shared) = &self.shared else { return };
        let keep_for = keep_for(entry, lifetime, self.now());
        if !keep_for.is_zero() && entry.part().is_none() {
            shared.writes.offer(Write { key: key.clone(), entry: Arc::clone(entry), keep_for, lease });
        }
    }
}

/// Whether what is stored elsewhere can answer the request: not if it wants the origin's own answer.
fn may_be_shared(request: &CacheableRequest) -> bool {
    match request.sharing() {
        Sharing::Shared => true,
        Sharing::Gathered => false,
        Sharing::Alone(why) => matches!(why, Alone::Authorized | Alone::HeadOrRange),
    }
}

fn is_newer(entry: &Entry, known: Option<&Variants>) -> bool {
    let same = |other: &&Arc<Entry>| other.variant() == entry.variant();
    let known = known.and_then(|known| known.entries().iter().find(same));
    known.is_none_or(|known| known.policy().received_at < entry.policy().received_at)
}

/// What is left of the lifetime, the longest stale window, and some time more where the origin can confirm it.
fn keep_for(entry: &Entry, lifetime: &Lifetime, now: Timestamp) -> Duration {
    let headers = entry.headers();
    let has_validator = headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED);
    let for_validation = if has_validator { lifetime.fresh_for.min(KEPT_FOR_VALIDATION_MAX) } else { Duration::ZERO };
    let windows = [lifetime.stale_while_revalidate, lifetime.stale_if_error];
    let longest = windows.into_iter().flatten().map(|window| window.length).max().unwrap_or_default();
    lifetime.fresh_for.saturating_add(longest.max(for_validation)).saturating_sub(entry.spent(lifetime, now))
}
