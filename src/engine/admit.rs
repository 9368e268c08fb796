//! How a complete answer becomes an entry of the tiers.

use super::Engine;
use super::body_tags;
use super::draft::Draft;
use super::graphql_answers;
use super::parts;
use super::storing::StoreOutcome;
use crate::coalesce::fetch_lease::FetchLease;
use crate::coalesce::shared_body::SharedBody;
use crate::entry::Entry;
use crate::entry::body::StoredBody;
use crate::entry::coding;
use crate::entry::variants::Variants;
use crate::in_flight::Charge;
use crate::invalidation::Standing;
use crate::key::PrimaryKey;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::policy::ResponsePolicy;
use crate::semantics::reason::Reason;
use crate::semantics::sharing::Shareability;
use crate::store::memory::Admission;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::SemaphorePermit;

/// Bodies up to this size are coded and searched at once.
const WORK_BYTES_SMALL: usize = 16 * 1024;

impl Engine {
    /// Stores a complete answer, unless a purge has overtaken it; codes its body first where the route says so
    /// and it helps.
    ///
    /// Those who are still reading `shared`, which holds the same body, go on reading it where it is stored.
    pub(super) async fn admit(
        &self,
        draft: &Draft,
        pieces: Vec<Bytes>,
        lease: Option<Arc<FetchLease>>,
        shared: &SharedBody,
    ) -> StoreOutcome {
        let mut draft = Cow::Borrowed(draft);
        let body_bytes = pieces.iter().map(Bytes::len).sum();
        // What a coded body holds is not known before it is searched.
        let is_coded = draft.headers.contains_key(http::header::CONTENT_ENCODING);
        let is_searched = draft.route.body_tags.is_some() || draft.route.caches_operations();
        let searched_bytes = if is_coded && is_searched { usize::MAX } else { body_bytes };
        let _work = self.work_on(body_bytes, searched_bytes).await;
        if let Some(body_tags) = draft.route.body_tags.clone() {
            match body_tags::read(body_tags, &draft, &pieces, Arc::clone(self.in_flight())).await {
                Ok(found) => draft.to_mut().add_tags(found),
                Err(why) => return StoreOutcome::Refused(why),
            }
        }
        if draft.route.caches_operations()
            && let Err(why) = graphql_answers::read(draft.to_mut(), &pieces).await
        {
            return StoreOutcome::Refused(why);
        }
        let pieces = if draft.part.is_some() { vec![self.joined_to_stored(draft.to_mut(), pieces)] } else { pieces };
        let coding = draft.route.codings.first().copied();
        let body = coding::at_rest(pieces, &draft.headers, &draft.policy, coding).await;
        if draft.route.lifetime.adaptive_max.is_some()
            && let Some(older) = self.same_as_stored(&draft, &body)
        {
            draft.to_mut().continue_unchanged(&older);
        }
        if draft.route.settle.is_some() {
            self.settle(draft.to_mut());
        }
        let entry = Arc::new(draft.entry(body, self.now()));
        let outcome = self.admit_entry(&draft.key, &entry, draft.shareability(self.now()));
        if outcome == StoreOutcome::Stored {
            if entry.part().is_none() && entry.coding().is_none() {
                shared.is_stored_as(entry.body().shared());
            }
            self.share(&draft.key, &entry, &draft.lifetime, lease);
        }
        outcome
    }

    /// A turn to code or search a body of so many bytes, with what that holds meanwhile charged: a copy, and what is
    /// made of it. Few that are large once they are searched have their turn at a time; short ones need none.
    async fn work_on(&self, body_bytes: usize, searched_bytes: usize) -> (Option<SemaphorePermit<'_>>, Charge) {
        // The semaphore is never closed.
        let turn = if searched_bytes > WORK_BYTES_SMALL { self.coders.acquire().await.ok() } else { None };
        (turn, self.in_flight().charge(2 * body_bytes as u64))
    }

    /// The policy of what is stored, if the newer answer is the same: its status and its body.
    fn same_as_stored(&self, draft: &Draft, body: &StoredBody) -> Option<ResponsePolicy> {
        let variants = self.memory().peek(&draft.key)?;
        let stored = variants.entries().iter().find(|entry| *entry.variant() == draft.variant)?;
        let is_same = stored.status() == draft.status && stored.body().at_rest() == body.at_rest().as_ref();
        is_same.then(|| stored.policy())
    }

    fn joined_to_stored(&self, draft: &mut Draft, pieces: Vec<Bytes>) -> Bytes {
        let newer = StoredBody::from_pieces(pieces).at_rest().clone();
        let variants = self.memory().peek(&draft.key);
        let stored = variants.as_ref().map_or(&[][..], Variants::entries);
        match stored.iter().find(|entry| *entry.variant() == draft.variant) {
            Some(stored) if self.once_settled(stored, self.standing_as_stored(stored)) == Standing::Clear => {
                parts::join(stored, draft, newer)
            }
            _ => newer,
        }
    }

    /// Puts `newer` in the place of `older`, unless a purge has overtaken it.
    pub(super) fn replace_entry(
        &self,
        key: &PrimaryKey,
        older: &Arc<Entry>,
        newer: &Arc<Entry>,
        lifetime: &Lifetime,
        lease: Option<Arc<FetchLease>>,
    ) -> StoreOutcome {
        if let Some(why) = self.overtaken(newer) {
            return StoreOutcome::Refused(why);
        }
        let outcome = store_outcome(self.memory().replace(key, older, Arc::clone(newer)));
        self.share(key, newer, lifetime, lease);
        outcome
    }

    /// Why an entry is of no use any more, if so: a purge has come, or its time is over.
    fn overtaken(&self, entry: &Entry) -> Option<Reason> {
        let standing = self.standing_as_stored(entry);
        if standing != Standing::Clear {
            return Some(Reason::Overtaken);
        }
        (self.once_settled(entry, standing) != Standing::Clear).then_some(Reason::Settled)
    }

    /// Stores an entry, unless a purge has overtaken it.
    fn admit_entry(&self, key: &PrimaryKey, entry: &Arc<Entry>, shareability: Shareability) -> StoreOutcome {
        if let Some(why) = self.overtaken(entry) {
            return StoreOutcome::Refused(why);
        }
        let outcome = store_outcome(self.memory().admit(key, Arc::clone(entry)));
        // What each must ask for on their own stays remembered as such, stored or not.
        if outcome == StoreOutcome::Stored && shareability == Shareability::Shared {
            self.uncacheable.forget(key);
        }
        outcome
    }
}

const fn store_outcome(admission: Admission) -> StoreOutcome {
    match admission {
        Admission::Stored => StoreOutcome::Stored,
        Admission::TooLarge => StoreOutcome::Refused(Reason::EntryTooLarge),
        Admission::Gone => StoreOutcome::Refused(Reason::Superseded),
    }
}

#[cfg(test)]
#[path = "adaptive_tests.rs"]
mod adaptive_tests;
