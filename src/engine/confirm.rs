//! What the origin's answer means for what is stored: confirmed, completed, replaced, or nothing.

use super::draft::{self, Draft, NotStored, OriginAnswer};
use super::fetch::Fetch;
use super::fetch_outcome::{FetchOutcome, Fetched};
use super::origin::Body;
use super::origin_failure::OriginFailure;
use super::parts;
use super::storing::StoreOutcome;
use super::uncacheable::Uncacheable;
use crate::entry::Entry;
use crate::entry::body::StoredBody;
use crate::invalidation::Standing;
use crate::plan::wanted::Wanted;
use crate::rules::route::SetCookieRule;
use crate::semantics::origin_tags::origin_tags;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::OnOriginFailure;
use crate::semantics::update::{self, HeadFreshening, Validation};
use crate::stamp::Stamp;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use std::sync::Arc;

/// What is stored, as a 304 or a 206 has left it.
struct Updated {
    /// The entry as it is now.
    entry: Arc<Entry>,
    /// Why those who wait may not take it, if so.
    alone: Option<Uncacheable>,
    /// Whether it is stored so.
    outcome: StoreOutcome,
}

#[expect(clippy::result_large_err, reason = "what the requester takes is made once a fetch, and moved on at once")]
impl Fetch {
    /// Compares an answer with what is stored, which may be all that is needed, and returns it where it stands for itself:
    /// to be stored or handed over. `None` if it is about something else than what is stored: the whole must be asked for.
    pub(super) async fn confirm(&mut self, answer: OriginAnswer<Body>) -> Result<Option<OriginAnswer<Body>>, Fetched> {
        match self.wanted.clone() {
            Wanted::Whole | Wanted::ClientRange => Ok(Some(answer)),
            Wanted::Head(stored) => {
                self.freshen_by_head(&answer);
                self.unless_stale_stands_in(stored.map(|(_, on_failure)| on_failure), answer)
            }
            Wanted::Validation(stored, on_failure) => self.validated(&stored, on_failure, answer),
            Wanted::Rest(stored) => self.completed(&stored, answer).await,
        }
    }

    /// Whether a hard purge has come for what is stored: its validator may be what the purge was about.
    fn is_hard_purged(&self, stored: &Entry) -> bool {
        self.engine.standing(&self.request, stored) == Standing::Purged
    }

    /// What is stored answers the request, with what an answer of this status has made of it.
    fn confirmed(&mut self, updated: Updated, status: StatusCode) -> Fetched {
        let Updated { entry, alone, outcome } = updated;
        self.note(outcome);
        self.tell(alone, FetchOutcome::Confirmed(Arc::clone(&entry), status));
        Fetched::Confirmed(entry, status, Some(outcome))
    }

    /// RFC 9111 section 4.3.3.
    fn validated(
        &mut self,
        stored: &Arc<Entry>,
        on_failure: OnOriginFailure,
        answer: OriginAnswer<Body>,
    ) -> Result<Option<OriginAnswer<Body>>, Fetched> {
        if answer.response.status() != StatusCode::NOT_MODIFIED {
            return self.unless_stale_stands_in(Some(on_failure), answer);
        }
        if self.is_hard_purged(stored) {
            return Ok(None);
        }
        match update::confirms(&stored.headers(), answer.response.headers()) {
            Validation::Confirmed => {
                let updated = self.updated(stored, &answer, answer.stamp);
                Err(self.confirmed(updated, answer.response.status()))
            }
            Validation::Mismatch => Ok(None),
        }
    }

    /// RFC 5861 section 4.
    fn unless_stale_stands_in(
        &self,
        on_failure: Option<OnOriginFailure>,
        answer: OriginAnswer<Body>,
    ) -> Result<Option<OriginAnswer<Body>>, Fetched> {
        let (status, headers) = (answer.response.status(), answer.response.headers());
        if self.request.route.lifetime.is_failure(status) && on_failure == Some(OnOriginFailure::ServeStale) {
            return Err(self.failed(OriginFailure::of_answer(status, headers)));
        }
        Ok(Some(answer))
    }

    /// RFC 9111 section 4.3.5.
    fn freshen_by_head(&self, answer: &OriginAnswer<Body>) {
        let response = &answer.response;
        let memory = self.engine.memory();
        let Some(variants) = memory.peek(&self.request.key) else { return };
        let Some(stored) = variants.entries().iter().find(|entry| self.request.picks(entry)) else { return };
        let sets_cookie =
            self.request.route.set_cookie == SetCookieRule::Refuse && response.headers().contains_key(SET_COOKIE);
        // What the answer to one client's own fields says does not hold for what others get.
        let speaks_for_others = !sets_cookie && self.request.may_speak_for(stored);
        if stored.part().is_some() || !speaks_for_others || self.is_hard_purged(stored) {
            return;
        }
        let length = stored.body().identity_bytes();
        match update::freshen_by_head(&stored.headers(), length, response.status(), response.headers()) {
            // The stamp stays: a HEAD says too little of the body to lift the entry over a purge.
            HeadFreshening::Update => drop(self.updated(stored, answer, stored.stamp())),
            HeadFreshening::Invalidate => memory.discard(&self.request.key, stored),
            HeadFreshening::Ignore => {}
        }
    }

    /// The stored response with the newer answer's fields, put in place of the old one where it may still be stored.
    fn updated(&self, stored: &Arc<Entry>, newer: &OriginAnswer<Body>, stamp: Stamp) -> Updated {
        let refused = |why: NotStored| {
            self.engine.memory().discard(&self.request.key, stored);
            let (entry, alone) = (Arc::clone(stored), Some(Uncacheable::NotStored(why)));
            Updated { entry, alone, outcome: StoreOutcome::Refused(why.into()) }
        };
        let is_head = newer.method == Method::HEAD;
        let (mut newer, times) = (newer.response.headers().clone(), newer.times);
        match self.request.route.set_cookie {
            // As a whole answer with the field would be: what it says of freshness is said to one user.
            SetCookieRule::Refuse if newer.contains_key(SET_COOKIE) => {
                return refused(NotStored::Key(Reason::SetCookie));
            }
            SetCookieRule::Refuse | SetCookieRule::Store => {}
            SetCookieRule::Strip => drop(newer.remove(SET_COOKIE)),
        }
        let headers = update::merged(&stored.headers(), &newer);
        let answer = OriginAnswer::head(self.request.said_to_origin(), (stored.status(), headers), times, stamp);
        match draft::judge(&self.request, &answer) {
            Ok(mut draft) => {
                draft.continue_unchanged(&stored.policy());
                // The body is the same, and so are the tags in it; and what the newer answer does not label anew, keeps its
                // labels, also those of fields that may not be stored.
                let keeps_all = draft.route.tags_by_body() || draft.route.send_tags_as.is_some();
                if keeps_all || names_no_tag(&newer, &self.request.route.tag_fields) {
                    draft.add_tags(stored.membership().tags.to_tags());
                }
                // What an answer to HEAD leaves as old as it was has no more time than it had.
                if is_head {
                    draft.settling = stored.settling();
                }
                self.replaced(stored, draft, stored.body().to_stored())
            }
            Err(why) => refused(why),
        }
    }

    /// RFC 9111 section 3.4: the rest of a stored part makes it whole.
    async fn completed(
        &mut self,
        stored: &Arc<Entry>,
        answer: OriginAnswer<Body>,
    ) -> Result<Option<OriginAnswer<Body>>, Fetched> {
        let status = answer.response.status();
        if status == StatusCode::OK {
            return Ok(Some(answer));
        }
        let answer = OriginAnswer { said: self.request.said_to_origin(), ..answer };
        let Ok(mut draft) = draft::judge(&self.request, &answer) else { return Ok(None) };
        let body = answer.response.into_body();
        let Some(rest) = parts::collect(body, self.request.route.max_body_bytes).await else { return Ok(None) };
        if self.is_hard_purged(stored) {
            return Ok(None);
        }
        let body = parts::join(stored, &mut draft, rest);
        if draft.status != StatusCode::OK {
            return Ok(None);
        }
        let updated = self.replaced(stored, draft, StoredBody::AsReceived(body));
        Err(self.confirmed(updated, status))
    }

    /// What is stored, with another in its place.
    fn replaced(&self, stored: &Arc<Entry>, mut draft: Draft, body: StoredBody) -> Updated {
        self.engine.settle(&mut draft);
        let alone = Uncacheable::of(draft.shareability(self.engine.now()));
        let entry = Arc::new(draft.entry(body, self.engine.now()).with_recoded_of(stored));
        let lease = self.lease.as_ref().filter(|_| alone.is_none()).cloned();
        let outcome = self.engine.replace_entry(&self.request.key, stored, &entry, &draft.lifetime, lease);
        Updated { entry, alone, outcome }
    }
}

fn names_no_tag(newer: &HeaderMap, fields: &[HeaderName]) -> bool {
    origin_tags(newer, fields).is_ok_and(|tags| tags.is_empty())
}
