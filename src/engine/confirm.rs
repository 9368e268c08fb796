//! What the origin's answer means for what is stored: confirmed, completed, replaced, or nothing.

use super::Engine;
use super::draft::{self, Draft, NotStored, Received};
use super::origin::Body;
use super::origin_failure::OriginFailure;
use super::parts;
use super::storing::StoreOutcome;
use super::uncacheable::Uncacheable;
use crate::coalesce::fetch_lease::FetchLease;
use crate::entry::Entry;
use crate::entry::body::StoredBody;
use crate::invalidation::Standing;
use crate::plan::request::CacheableRequest;
use crate::plan::wanted::Wanted;
use crate::rules::route::SetCookieRule;
use crate::semantics::origin_tags::origin_tags;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::OnOriginFailure;
use crate::semantics::update::{self, HeadFreshening, Validation};
use crate::stamp::Stamp;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use std::sync::Arc;

/// What the origin answered.
#[derive(Debug)]
pub(super) struct OriginAnswer {
    /// Its response.
    pub(super) response: http::Response<Body>,
    /// The headers that it was sent.
    pub(super) sent: HeaderMap,
    /// When.
    pub(super) times: ExchangeTimes,
    /// The log position when it was asked.
    pub(super) stamp: Stamp,
}

impl OriginAnswer {
    /// The head, as an answer to a request of this method.
    pub(super) fn received<'a>(&'a self, method: &'a Method) -> Received<'a> {
        let (status, headers) = (self.response.status(), self.response.headers());
        Received { method, sent: &self.sent, status, headers, times: self.times, stamp: self.stamp }
    }
}

/// What becomes of an answer where what is stored does not do.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a fetch, and taken apart at once")]
pub(super) enum Confirmation {
    /// It stands for itself: to be stored or handed over.
    Final(OriginAnswer),
    /// It is about something else than what is stored: the whole must be asked for.
    AskAgain,
}

/// Why an answer is not needed itself.
#[derive(Debug)]
pub(super) enum Unneeded {
    /// With it, what is stored answers the request.
    Confirmed(Confirmed),
    /// It is an error that something stale may stand in for.
    Failed(OriginFailure),
}

/// What is stored, confirmed by a 304 or completed by a 206.
#[derive(Debug)]
pub(super) struct Confirmed {
    /// The entry as it is now.
    pub(super) entry: Arc<Entry>,
    /// The origin's status.
    pub(super) status: StatusCode,
    /// Why those who wait may not take it, if so.
    pub(super) alone: Option<Uncacheable>,
    /// Whether it is stored so.
    pub(super) outcome: StoreOutcome,
}

/// A fetch whose answer is about what is stored.
#[derive(Clone, Copy)]
pub(super) struct Confirming<'a> {
    /// The engine.
    pub(super) engine: &'a Engine,
    /// The request that it is for.
    pub(super) request: &'a CacheableRequest,
    /// The lease that it holds.
    pub(super) lease: Option<&'a Arc<FetchLease>>,
}

impl Confirming<'_> {
    /// Judges an answer against what was wanted.
    pub(super) async fn judge(&self, wanted: &Wanted, answer: OriginAnswer) -> Result<Confirmation, Unneeded> {
        match wanted {
            Wanted::Whole | Wanted::ClientRange => Ok(Confirmation::Final(answer)),
            Wanted::Head(stored) => {
                let on_failure = stored.as_ref().map(|(_, on_failure)| *on_failure);
                self.freshen_by_head(&answer);
                self.unless_stale_stands_in(on_failure, answer)
            }
            Wanted::Validation(stored, on_failure) => self.validated(stored, *on_failure, answer),
            Wanted::Rest(stored) => self.completed(stored, answer).await,
        }
    }

    /// Whether a hard purge has come for what is stored: its validator may be what the purge was about.
    fn is_hard_purged(&self, stored: &Entry) -> bool {
        self.engine.standing(self.request, stored) == Standing::Purged
    }

    /// RFC 9111 section 4.3.3.
    fn validated(
        &self,
        stored: &Arc<Entry>,
        on_failure: OnOriginFailure,
        answer: OriginAnswer,
    ) -> Result<Confirmation, Unneeded> {
        if answer.response.status() != StatusCode::NOT_MODIFIED {
            return self.unless_stale_stands_in(Some(on_failure), answer);
        }
        if self.is_hard_purged(stored) {
            return Ok(Confirmation::AskAgain);
        }
        match update::confirms(&stored.headers(), answer.response.headers()) {
            Validation::Confirmed => Err(Unneeded::Confirmed(self.updated(stored, &answer, answer.stamp))),
            Validation::Mismatch => Ok(Confirmation::AskAgain),
        }
    }

    /// RFC 5861 section 4.
    fn unless_stale_stands_in(
        &self,
        on_failure: Option<OnOriginFailure>,
        answer: OriginAnswer,
    ) -> Result<Confirmation, Unneeded> {
        let (status, headers) = (answer.response.status(), answer.response.headers());
        if self.request.route.lifetime.is_failure(status) && on_failure == Some(OnOriginFailure::ServeStale) {
            return Err(Unneeded::Failed(OriginFailure::of_answer(status, headers)));
        }
        Ok(Confirmation::Final(answer))
    }

    /// RFC 9111 section 4.3.5.
    fn freshen_by_head(&self, answer: &OriginAnswer) {
        let response = &answer.response;
        let memory = self.engine.memory();
        let Some(variants) = memory.peek(&self.request.key) else { return };
        let Some(stored) = variants.entries().iter().find(|entry| self.request.picks(entry)) else { return };
        let sets_cookie =
            self.request.route.set_cookie == SetCookieRule::Refuse && response.headers().contains_key(SET_COOKIE);
        // What the answer to one client's own words says is not said of what others get.
        let speaks_for_others = !sets_cookie && self.request.may_speak_for(stored);
        if stored.part().is_some() || !speaks_for_others || self.is_hard_purged(stored) {
            return;
        }
        let length = stored.body().identity_bytes();
        match update::freshen_by_head(&stored.headers(), length, response.status(), response.headers()) {
            // The stamp stays: a HEAD tells too little of the body to lift the entry over a purge.
            HeadFreshening::Update => drop(self.updated(stored, answer, stored.stamp())),
            HeadFreshening::Invalidate => memory.discard(&self.request.key, stored),
            HeadFreshening::Ignore => {}
        }
    }

    /// The stored response with the newer answer's fields, put in place of the old one where it may still be stored.
    fn updated(&self, stored: &Arc<Entry>, newer: &OriginAnswer, stamp: Stamp) -> Confirmed {
        let status = newer.response.status();
        let refused = |why: NotStored| {
            self.engine.memory().discard(&self.request.key, stored);
            let (entry, alone) = (Arc::clone(stored), Some(Uncacheable::NotStored(why)));
            Confirmed { entry, status, alone, outcome: StoreOutcome::Refused(why.into()) }
        };
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
        let sent = self.request.fetch_headers();
        let received =
            Received { method: &Method::GET, sent: &sent, status: stored.status(), headers: &headers, times, stamp };
        match draft::judge(self.request, &received) {
            Ok(mut draft) => {
                // The body is the same, and so are the tags in it; and what the newer answer does not label anew, keeps its
                // labels, also those of fields that may not be stored.
                if draft.route.body_tags.is_some() || names_no_tag(&newer, &self.request.route.tag_fields) {
                    draft.add_tags(stored.membership().tags.to_tags());
                }
                self.replaced(stored, *draft, stored.body().to_stored(), status)
            }
            Err(why) => refused(why),
        }
    }

    /// RFC 9111 section 3.4: the rest of a stored part makes it whole.
    async fn completed(&self, stored: &Arc<Entry>, answer: OriginAnswer) -> Result<Confirmation, Unneeded> {
        let status = answer.response.status();
        if status == StatusCode::OK {
            return Ok(Confirmation::Final(answer));
        }
        let sent = self.request.fetch_headers();
        let received = Received { sent: &sent, ..answer.received(&Method::GET) };
        let Ok(mut draft) = draft::judge(self.request, &received) else { return Ok(Confirmation::AskAgain) };
        let body = answer.response.into_body();
        let Some(rest) = parts::collect(body, self.request.route.max_body_bytes).await else {
            return Ok(Confirmation::AskAgain);
        };
        if self.is_hard_purged(stored) {
            return Ok(Confirmation::AskAgain);
        }
        let body = parts::join(stored, &mut draft, rest);
        if draft.status != StatusCode::OK {
            return Ok(Confirmation::AskAgain);
        }
        Err(Unneeded::Confirmed(self.replaced(stored, *draft, StoredBody::AsReceived(body), status)))
    }

    /// What is stored, with another in its place.
    fn replaced(&self, stored: &Arc<Entry>, draft: Draft, body: StoredBody, status: StatusCode) -> Confirmed {
        let (lifetime, alone) = (draft.lifetime, Uncacheable::of(draft.shareability(self.engine.now())));
        let entry = Arc::new(draft.into_entry(body, self.engine.now()));
        let lease = self.lease.filter(|_| alone.is_none()).cloned();
        let outcome = self.engine.replace_entry(&self.request.key, stored, &entry, &lifetime, lease);
        Confirmed { entry, status, alone, outcome }
    }
}

fn names_no_tag(newer: &HeaderMap, fields: &[HeaderName]) -> bool {
    origin_tags(newer, fields).is_ok_and(|tags| tags.is_empty())
}
