//! What the origin's answer means for what is stored: confirmed, completed, replaced, or nothing.

use super::Engine;
use super::draft::{self, Received, Verdict};
use super::origin::Body;
use super::origin_failure::OriginFailure;
use super::parts;
use super::storing::StoreOutcome;
use super::wanted::Wanted;
use crate::coalesce::fetch_lease::FetchLease;
use crate::entry::Entry;
use crate::entry::body::StoredBody;
use crate::invalidation::Standing;
use crate::plan::request::CacheableRequest;
use crate::rules::route::SetCookieRule;
use crate::semantics::origin_tags::origin_tags;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::OnOriginFailure;
use crate::semantics::sharing::Shareability;
use crate::semantics::update::{self, HeadFreshening, Validation};
use crate::stamp::Stamp;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use std::sync::Arc;

/// What becomes of an answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// It stands for itself: to be stored or handed over.
    Final(http::Response<Body>),
    /// With it, this entry answers the request.
    Entry(Confirmed),
    /// It is an error that something stale may stand in for.
    Failure(Arc<OriginFailure>),
    /// It is about something else than what is stored: the whole must be asked for.
    AskAgain,
}

/// What is stored, confirmed by a 304 or completed by a 206.
#[derive(Debug)]
pub(super) struct Confirmed {
    /// The entry as it is now.
    pub(super) entry: Arc<Entry>,
    /// The origin's status.
    pub(super) status: StatusCode,
    /// What it is to those who wait.
    pub(super) shareability: Shareability,
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
    pub(super) async fn judge(
        &self,
        wanted: &Wanted,
        response: http::Response<Body>,
        times: ExchangeTimes,
        stamp: Stamp,
    ) -> Answer {
        match wanted {
            Wanted::Whole | Wanted::ClientRange => Answer::Final(response),
            Wanted::Head(on_failure) => {
                self.freshen_by_head(&response, times);
                self.unless_stale_stands_in(*on_failure, response)
            }
            Wanted::Validation(stored, on_failure) => self.validated(stored, *on_failure, response, times, stamp),
            Wanted::Rest(stored) => self.completed(stored, response, times, stamp).await,
        }
    }

    /// The lease, for an answer that other instances may take from the shared tier.
    fn lease_for(&self, shareability: Shareability) -> Option<Arc<FetchLease>> {
        self.lease.filter(|_| shareability == Shareability::Shared).cloned()
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
        response: http::Response<Body>,
        times: ExchangeTimes,
        stamp: Stamp,
    ) -> Answer {
        if response.status() == StatusCode::NOT_MODIFIED {
            if self.is_hard_purged(stored) {
                return Answer::AskAgain;
            }
            return match update::confirms(&stored.headers(), response.headers()) {
                Validation::Confirmed => {
                    Answer::Entry(self.updated(stored, response.status(), response.headers(), times, stamp))
                }
                Validation::Mismatch => Answer::AskAgain,
            };
        }
        self.unless_stale_stands_in(Some(on_failure), response)
    }

    /// RFC 5861 section 4.
    fn unless_stale_stands_in(&self, on_failure: Option<OnOriginFailure>, response: http::Response<Body>) -> Answer {
        if self.request.route.lifetime.is_failure(response.status()) && on_failure == Some(OnOriginFailure::ServeStale)
        {
            return Answer::Failure(Arc::new(OriginFailure::of_answer(response.status(), response.headers())));
        }
        Answer::Final(response)
    }

    /// RFC 9111 section 4.3.5.
    fn freshen_by_head(&self, response: &http::Response<Body>, times: ExchangeTimes) {
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
            HeadFreshening::Update => {
                drop(self.updated(stored, response.status(), response.headers(), times, stored.stamp()));
            }
            HeadFreshening::Invalidate => memory.discard(&self.request.key, stored),
            HeadFreshening::Ignore => {}
        }
    }

    /// The stored response with the newer answer's fields, put in place of the old one where it may still be stored.
    fn updated(
        &self,
        stored: &Arc<Entry>,
        status: StatusCode,
        newer: &HeaderMap,
        times: ExchangeTimes,
        stamp: Stamp,
    ) -> Confirmed {
        let refused = |why| {
            self.engine.memory().discard(&self.request.key, stored);
            let (entry, shareability) = (Arc::clone(stored), Shareability::Alone(why));
            Confirmed { entry, status, shareability, outcome: StoreOutcome::Refused(why) }
        };
        let mut newer = newer.clone();
        match self.request.route.set_cookie {
            // As a whole answer with the field would be: what it says of freshness is said to one user.
            SetCookieRule::Refuse if newer.contains_key(SET_COOKIE) => return refused(Reason::SetCookie),
            SetCookieRule::Refuse | SetCookieRule::Store => {}
            SetCookieRule::Strip => drop(newer.remove(SET_COOKIE)),
        }
        let headers = update::merged(&stored.headers(), &newer);
        let sent = self.request.fetch_headers();
        let received =
            Received { method: &Method::GET, sent: &sent, status: stored.status(), headers: &headers, times, stamp };
        match draft::judge(self.request, &received) {
            Verdict::Store(mut draft) => {
                // The body is the same, and so are the tags in it; and what the newer answer does not label anew, keeps its
                // labels, also those of fields that may not be stored.
                if draft.route.body_tags.is_some() || names_no_tag(&newer, &self.request.route.tag_fields) {
                    draft.add_tags(stored.membership().tags.to_tags());
                }
                let (lifetime, shareability) = (draft.lifetime, draft.shareability(self.engine.now()));
                let entry = Arc::new(draft.into_entry(stored.body().to_stored(), self.engine.now()));
                let lease = self.lease_for(shareability);
                let outcome = self.engine.replace_entry(&self.request.key, stored, &entry, &lifetime, lease);
                Confirmed { entry, status, shareability, outcome }
            }
            Verdict::Refuse(why) => refused(why),
        }
    }

    /// RFC 9111 section 3.4: the rest of a stored part makes it whole.
    async fn completed(
        &self,
        stored: &Arc<Entry>,
        response: http::Response<Body>,
        times: ExchangeTimes,
        stamp: Stamp,
    ) -> Answer {
        if response.status() == StatusCode::OK {
            return Answer::Final(response);
        }
        let (head, body) = response.into_parts();
        let sent = self.request.fetch_headers();
        let (status, headers) = (head.status, &head.headers);
        let received = Received { method: &Method::GET, sent: &sent, status, headers, times, stamp };
        let Verdict::Store(mut draft) = draft::judge(self.request, &received) else { return Answer::AskAgain };
        let Some(rest) = parts::collect(body, self.request.route.max_body_bytes).await else { return Answer::AskAgain };
        if self.is_hard_purged(stored) {
            return Answer::AskAgain;
        }
        let body = parts::join(stored, &mut draft, rest);
        if draft.status != StatusCode::OK {
            return Answer::AskAgain;
        }
        let (lifetime, shareability) = (draft.lifetime, draft.shareability(self.engine.now()));
        let entry = Arc::new(draft.into_entry(StoredBody::AsReceived(body), self.engine.now()));
        let lease = self.lease_for(shareability);
        let outcome = self.engine.replace_entry(&self.request.key, stored, &entry, &lifetime, lease);
        Answer::Entry(Confirmed { entry, status, shareability, outcome })
    }
}

fn names_no_tag(newer: &HeaderMap, fields: &[HeaderName]) -> bool {
    origin_tags(newer, fields).is_ok_and(|tags| tags.is_empty())
}
