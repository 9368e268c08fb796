//! One fetch from the origin, in a task of its own: whoever asked for it may go away without harming those who share it.
//!
//! The task owns the leader's guard of a shared fetch, if it is shared, until the answer is stored: requests that come
//! meanwhile join it, and requests that come later find the entry.

use super::Engine;
use super::confirm::{Confirmation, Confirmed, Confirming, OriginAnswer, Unneeded};
use super::draft::{self, Draft, NotStored};

use super::exchange::{Terms, WhenFull};
use super::fetch_outcome::{FetchOutcome, Fetched};
use super::fill::{Duty, stream_of};
use super::held_reply::HeldReply;
use super::miss_budget::MissPermit;
use super::origin::{Body, OriginError, empty_body, origin_form};
use super::origin_failure::OriginFailure;
use super::requester::Requester;
use super::shared_tier::FoundShared;
use super::storing::StoreOutcome;
use super::uncacheable::Uncacheable;
use crate::coalesce::fetch_lease::{Claim, WhyAlone};
use crate::coalesce::flights::Announcement;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::in_flight::Room;
use crate::plan::wanted::Wanted;
use crate::semantics::date::record_receipt;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::sharing::Shareability;
use http::HeaderMap;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How long a fetch that begins beside another for the same key lets others join it before it asks.
const GATHERING: Duration = Duration::from_millis(10);

/// A fetch about to begin.
pub(super) struct Fetch {
    /// The engine.
    pub(super) engine: Arc<Engine>,
    /// The request that it is for.
    pub(super) request: Arc<Requester>,
    /// What is asked.
    pub(super) wanted: Wanted,
    /// What it owes to others.
    pub(super) duty: Duty,
}

/// An answer that is to be stored.
struct Storable {
    draft: Box<Draft>,
    response: http::Response<Body>,
    /// What it is to those who wait; none where they have been told of a failure.
    shareability: Option<Shareability>,
}

impl Fetch {
    /// Begins the fetch in a task of its own. The receiver may be dropped.
    pub(super) fn begin(self) -> oneshot::Receiver<Fetched> {
        let (reply, receiver) = oneshot::channel();
        // Boxed, since a task moves its future more than once, and this one is large.
        tokio::spawn(Box::pin(self.run(reply)));
        receiver
    }

    async fn run(mut self, reply: oneshot::Sender<Fetched>) {
        match self.steps().await {
            Ok(storable) => self.store(storable, reply).await,
            // Whoever asked may have gone; those who share the fetch have been told before.
            Err(fetched) => drop(reply.send(fetched)),
        }
    }

    /// The steps of a fetch, in order. Each leads to the next, or ends the fetch with what the requester takes from it.
    async fn steps(&mut self) -> Result<Storable, Fetched> {
        self.gather().await;
        self.look_elsewhere().await?;
        self.wait_for_permit().await?;
        loop {
            let answer = self.ask().await?;
            match self.confirm(answer).await? {
                Confirmation::Final(answer) => return self.judge(answer),
                Confirmation::AskAgain => self.wanted = Wanted::Whole,
            }
        }
    }

    /// Who wants an answer newer than their request does not join a fetch under way: the next begins at once. So that
    /// those who come together share one all the same, one that begins beside another gives them a moment to join.
    async fn gather(&mut self) {
        let Some(leader) = &mut self.duty.leader else { return };
        let predecessor = leader.take_predecessor();
        if let Some(mut predecessor) = predecessor.filter(|_| self.engine.wants_newer(&self.request)) {
            drop(tokio::time::timeout(GATHERING, predecessor.announcement()).await);
        }
    }

    /// Takes what another instance has fetched, or fetches now; where there is nothing, this fetch is the fleet's. What is
    /// there but must be validated becomes what is wanted.
    async fn look_elsewhere(&mut self) -> Result<(), Fetched> {
        // Once before the claim, which costs a write, and once after it, since the answer may have come in between.
        for round in 0..2 {
            match self.engine.find_shared(&self.request, &self.wanted).await {
                FoundShared::Usable(usable) => {
                    self.announce(Announcement::Shared(FetchOutcome::Stored));
                    return Err(Fetched::Stored(usable));
                }
                FoundShared::Stored(entry, on_failure) => {
                    if let Some(why) = Uncacheable::of(self.request.shareability_on_arrival(&entry)) {
                        self.send_alone(why);
                    }
                    self.wanted = Wanted::Validation(entry, on_failure);
                }
                FoundShared::Nothing => {}
            }
            let Some(leader) = self.duty.leader.as_ref().filter(|_| round == 0) else { return Ok(()) };
            match self.engine.claim(&self.request, &self.wanted, leader).await {
                Some(Claim::Won(lease)) => self.duty.lease = Some(Arc::new(lease)),
                Some(Claim::Answered) => {}
                Some(Claim::Alone(WhyAlone::NotShareable)) => {
                    self.send_alone(Uncacheable::Elsewhere);
                    return Ok(());
                }
                Some(Claim::Alone(_)) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Waits until the route's `miss_limit` lets the fetch begin.
    async fn wait_for_permit(&mut self) -> Result<(), Fetched> {
        match self.engine.miss_permit(&self.request, &self.wanted).await {
            MissPermit::Granted(permit) => self.duty.permit = permit,
            MissPermit::Refused => {
                return Err(self.failed(self.request.timed_out(OriginFailure::Busy)));
            }
        }
        if let Some(leader) = &self.duty.leader {
            leader.begin();
        }
        Ok(())
    }

    /// Asks the origin.
    async fn ask(&mut self) -> Result<OriginAnswer, Fetched> {
        // In this order: what a purge that comes in between covers is stamped below it.
        let stamp = self.engine.invalidation().applied();
        self.wanted.allow(|entry| self.engine.standing(&self.request, entry));
        let sent = self.wanted.fields(&self.request);
        let exchanged = self.exchange(sent.clone()).await;
        let (response, times) = exchanged.map_err(|error| self.failed(OriginFailure::from(error)))?;
        if !response.status().is_server_error() && !self.request.route.lifetime.is_failure(response.status()) {
            self.engine.has_answered(&self.request);
        }
        #[cfg(test)]
        let stamp =
            if deliberate_fault::is_on(Fault::LateStamp) { self.engine.invalidation().applied() } else { stamp };
        Ok(OriginAnswer { response, sent, times, stamp })
    }

    async fn exchange(&self, headers: HeaderMap) -> Result<(http::Response<Body>, ExchangeTimes), OriginError> {
        let (request, route) = (&self.request, &self.request.route);
        let mut fetch = http::Request::new(empty_body());
        *fetch.method_mut() = self.wanted.method();
        *fetch.uri_mut() = origin_form(&route.to_origin.path_and_query(request.target.path_and_query()))?;
        *fetch.headers_mut() = headers;
        let stands_in = self.wanted.may_be_served_stale(|entry| self.engine.standing_now(request, entry));
        let when_full = if stands_in { WhenFull::Fail } else { WhenFull::Wait };
        let terms = Terms { when_full, ..request.terms(self.engine.patience(Some(route))) };
        let requested_at = self.engine.now();
        let mut response = self.engine.origin.fetch(fetch, terms).await?;
        route.to_origin.map_back(&request.target, response.headers_mut());
        let received_at = self.engine.now();
        record_receipt(&mut response, received_at);
        Ok((response, ExchangeTimes { requested_at, received_at }))
    }

    /// Compares the answer with what is stored, which may be all that is needed.
    async fn confirm(&mut self, answer: OriginAnswer) -> Result<Confirmation, Fetched> {
        let lease = self.duty.lease.as_ref();
        let confirming = Confirming { engine: &self.engine, request: &self.request, lease };
        match confirming.judge(&self.wanted, answer).await {
            Ok(confirmation) => Ok(confirmation),
            Err(Unneeded::Confirmed(Confirmed { entry, status, alone, outcome })) => {
                self.note(outcome);
                self.tell(alone, FetchOutcome::Confirmed(Arc::clone(&entry), status));
                Err(Fetched::Confirmed(entry, status, Some(outcome)))
            }
            Err(Unneeded::Failed(failure)) => Err(self.failed(failure)),
        }
    }

    /// Decides whether the answer is stored, and tells those who share the fetch what that is to them.
    #[expect(clippy::result_large_err, reason = "what the requester takes is made once a fetch, and moved on at once")]
    fn judge(&mut self, answer: OriginAnswer) -> Result<Storable, Fetched> {
        let decision =
            draft::judge(&self.request, &answer.received(&self.wanted.method())).and_then(|draft| {
                match self.engine.room_to_keep(&draft) {
                    Room::Taken => Err(NotStored::Request(Reason::InFlightFull)),
                    Room::Free => Ok(draft),
                }
            });
        let shareability = decision.as_ref().ok().map(|draft| draft.shareability(self.engine.now()));
        let response = answer.response;
        // A failure says nothing of what the key's answers are once the origin is well.
        let is_failure = response.status().is_server_error() && shareability != Some(Shareability::Shared);
        if is_failure {
            drop(self.failed(OriginFailure::of_answer(response.status(), response.headers())));
        }
        match decision {
            Ok(draft) => Ok(Storable { draft, response, shareability: shareability.filter(|_| !is_failure) }),
            Err(why) => {
                if !is_failure {
                    self.send_alone(Uncacheable::NotStored(why));
                }
                Err(self.hand_over(response, why.into()))
            }
        }
    }

    /// Hands the answer to the requester alone.
    fn hand_over(&mut self, response: http::Response<Body>, why: Reason) -> Fetched {
        match self.wanted {
            // An answer to HEAD says nothing of whether one to GET is stored.
            Wanted::Head(_) => self.engine.count_store_outcome(&self.request.route.name, StoreOutcome::Refused(why)),
            _ => self.note(StoreOutcome::Refused(why)),
        }
        let permit = self.duty.permit.take();
        self.request.allow_quiet();
        Fetched::Private(response.map(|body| holding(permit, body)), why)
    }

    /// Stores the answer while it streams to all who share it.
    async fn store(mut self, storable: Storable, reply: oneshot::Sender<Fetched>) {
        let Storable { draft, response, shareability } = storable;
        let (head, body) = response.into_parts();
        let (streaming, writer, reader) = stream_of(&draft, self.engine.in_flight());
        match shareability {
            Some(shareability) => {
                self.tell(Uncacheable::of(shareability), FetchOutcome::Streaming(Arc::clone(&streaming)));
            }
            None => self.duty.leader = None,
        }
        let headers = draft::sent_headers(head.headers, self.request.route.set_cookie);
        let nobodys = HeldReply::nobodys(&self.engine, &draft);
        let reply = nobodys.to(reply, &self.request, Arc::clone(&streaming), headers, reader);
        self.engine.fill(*draft, body, &streaming.body, writer, self.duty, reply).await;
    }

    fn announce(&self, announcement: Announcement<FetchOutcome>) {
        if let Some(leader) = &self.duty.leader {
            leader.announce(announcement);
        }
    }

    /// Tells those who wait what the answer is to them.
    fn tell(&mut self, alone: Option<Uncacheable>, outcome: FetchOutcome) {
        match alone {
            None => self.announce(Announcement::Shared(outcome)),
            Some(why) => self.send_alone(why),
        }
    }

    /// Sends everyone who waits to the origin on their own, here and at other instances, and those who come soon too.
    fn send_alone(&mut self, why: Uncacheable) {
        self.engine.remember_uncacheable(&self.request, why);
        if let Some(lease) = self.duty.lease.take() {
            lease.alone();
        }
        self.announce(Announcement::Alone);
    }

    /// Tells those who wait that the origin failed.
    fn failed(&self, failure: impl Into<Arc<OriginFailure>>) -> Fetched {
        let failure = failure.into();
        self.engine.has_failed(&self.request, &failure);
        self.announce(Announcement::Shared(FetchOutcome::Failed(Arc::clone(&failure))));
        Fetched::Failed(failure)
    }

    fn note(&self, outcome: StoreOutcome) {
        self.engine.note_store_outcome(&self.request.route.name, &self.request.key, outcome);
    }
}

/// A body whose fetch counts among those under way until it has ended or was given up.
fn holding(permit: Option<OwnedSemaphorePermit>, body: Body) -> Body {
    let Some(permit) = permit else { return body };
    body.map_err(move |error| {
        let _held = &permit;
        error
    })
    .boxed_unsync()
}
