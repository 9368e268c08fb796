//! One fetch from the origin, in a task of its own: whoever asked for it may go away without harming those who share it.
//!
//! The task owns the leader's guard of a shared fetch, if it is shared, until the answer is stored: requests that come
//! meanwhile join it, and requests that come later find the entry.

use super::Engine;
use super::confirm::{self, Confirmed, Confirming};
use super::draft::{self, Received, Verdict};
use super::exchange::{allow_quiet, origin_form};
use super::fill::{Duty, stream_of};
use super::flown::{Fetched, Flown};
use super::held_reply::HeldReply;
use super::miss_budget::Turn;
use super::origin::{Body, OriginError, empty_body};
use super::origin_failure::OriginFailure;
use super::requester::Requester;
use super::shared::FoundShared;
use super::storing::StoreOutcome;
use super::wanted::{Wanted, asking_fields};
use crate::coalesce::fetch_lease::{Claim, WhyAlone};
use crate::coalesce::flights::Announcement;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::plan::serving::Usable;
use crate::semantics::date::record_receipt;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::sharing::Shareability;
use crate::stamp::Stamp;
use http::{HeaderMap, Method};
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

impl Fetch {
    /// Begins the fetch in a task of its own. The receiver may be dropped.
    pub(super) fn begin(self) -> oneshot::Receiver<Fetched> {
        let (reply, receiver) = oneshot::channel();
        // Boxed, since a task moves its future more than once, and this one is large.
        tokio::spawn(Box::pin(self.run(reply)));
        receiver
    }

    async fn run(mut self, reply: oneshot::Sender<Fetched>) {
        self.gather().await;
        let mut wanted = self.wanted.clone();
        if let Some(usable) = self.take_shared(&mut wanted).await {
            self.announce(Announcement::Shared(Flown::Stored));
            return drop(reply.send(Fetched::Stored(usable)));
        }
        match self.engine.turn(&self.request, &wanted).await {
            Turn::Granted(permit) => self.duty.permit = permit,
            Turn::Refused => {
                let why = self.request.over_for(Reason::MissLimit);
                return self.fail(Arc::new(OriginFailure::of(why)), reply);
            }
        }
        if let Some(leader) = &self.duty.leader {
            leader.begin();
        }
        loop {
            // In this order: what a purge that comes in between covers is stamped below it.
            let stamp = self.engine.invalidation().applied();
            wanted = self.engine.allowed(&self.request, wanted);
            let sent = asking_fields(&self.request, &wanted);
            let exchange = self.exchange(&wanted, sent.clone()).await;
            let (response, times) = match exchange {
                Ok(exchange) => exchange,
                Err(error) => return self.fail(Arc::new(OriginFailure::from(error)), reply),
            };
            if !response.status().is_server_error() && !self.request.route.lifetime.is_failure(response.status()) {
                self.engine.has_answered(&self.request);
            }
            #[cfg(test)]
            let stamp =
                if deliberate_fault::is_on(Fault::LateStamp) { self.engine.invalidation().applied() } else { stamp };
            let lease = self.duty.lease.as_ref();
            let confirming = Confirming { engine: &self.engine, request: &self.request, lease };
            match confirming.judge(&wanted, response, times, stamp).await {
                confirm::Answer::Final(response) => {
                    return self.settle(response, &wanted, &sent, times, stamp, reply).await;
                }
                confirm::Answer::Entry(Confirmed { entry, status, shareability, outcome }) => {
                    self.note(outcome);
                    self.tell(shareability, Flown::Confirmed(Arc::clone(&entry), status));
                    return drop(reply.send(Fetched::Confirmed(entry, status, Some(outcome))));
                }
                confirm::Answer::Failure(failure) => return self.fail(failure, reply),
                confirm::Answer::AskAgain => wanted = Wanted::Whole,
            }
        }
    }

    /// What another instance has fetched, or fetches now; where there is nothing, this fetch is the fleet's. What is
    /// there but wants the origin's word becomes what is `wanted`.
    async fn take_shared(&mut self, wanted: &mut Wanted) -> Option<Usable> {
        // Once before the claim, which costs a write, and once after it, since the answer may have come in between.
        for round in 0..2 {
            match self.engine.find_shared(&self.request, wanted).await {
                FoundShared::Usable(usable) => return Some(usable),
                FoundShared::Stored(entry, on_failure) => {
                    if let Shareability::Alone(why) = self.request.shareability_on_arrival(&entry) {
                        self.send_alone(why);
                    }
                    *wanted = Wanted::Validation(entry, on_failure);
                }
                FoundShared::Nothing => {}
            }
            let leader = self.duty.leader.as_ref().filter(|_| round == 0)?;
            match self.engine.claim(&self.request, wanted, leader).await {
                Some(Claim::Won(lease)) => self.duty.lease = Some(Arc::new(lease)),
                Some(Claim::Answered) => {}
                Some(Claim::Alone(WhyAlone::NotShareable)) => {
                    self.send_alone(Reason::LeaderUncacheable);
                    return None;
                }
                Some(Claim::Alone(_)) | None => return None,
            }
        }
        None
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

    async fn exchange(
        &self,
        wanted: &Wanted,
        headers: HeaderMap,
    ) -> Result<(http::Response<Body>, ExchangeTimes), OriginError> {
        let mut fetch = http::Request::new(empty_body());
        *fetch.method_mut() = if matches!(wanted, Wanted::Head(_)) { Method::HEAD } else { Method::GET };
        *fetch.uri_mut() =
            origin_form(&self.request.route.to_origin.path_and_query(self.request.target.path_and_query()))?;
        *fetch.headers_mut() = headers;
        let terms = self.request.terms(self.engine.patience(Some(&self.request.route)));
        let requested_at = self.engine.now();
        let mut response = self.engine.origin().fetch(fetch, terms).await?;
        self.request.route.to_origin.map_back(&self.request.target, response.headers_mut());
        let received_at = self.engine.now();
        record_receipt(&mut response, received_at);
        Ok((response, ExchangeTimes { requested_at, received_at }))
    }

    fn announce(&self, announcement: Announcement<Flown>) {
        if let Some(leader) = &self.duty.leader {
            leader.announce(announcement);
        }
    }

    /// Tells those who wait what the answer is to them.
    fn tell(&mut self, shareability: Shareability, flown: Flown) {
        match shareability {
            Shareability::Shared => self.announce(Announcement::Shared(flown)),
            Shareability::Alone(why) => self.send_alone(why),
        }
    }

    /// Sends everyone who waits to the origin on their own, here and at other instances, and those who come soon too.
    fn send_alone(&mut self, why: Reason) {
        // What only this request's own words, or want of room, kept from being stored says nothing about the key.
        if !matches!(
            why,
            Reason::RequestNoStore | Reason::Authorized | Reason::MethodNotStorable | Reason::InFlightFull
        ) {
            self.engine.uncacheable().remember(&self.request.uncacheable_key(why), why, self.engine.now());
        }
        if let Some(lease) = self.duty.lease.take() {
            lease.alone();
        }
        self.announce(Announcement::Alone(Reason::LeaderUncacheable));
    }

    // Whoever asked may have gone by the time of each `reply.send`; those who share the fetch have been told before.

    fn fail(self, failure: Arc<OriginFailure>, reply: oneshot::Sender<Fetched>) {
        self.engine.has_failed(&self.request, &failure);
        self.announce(Announcement::Shared(Flown::Failed(Arc::clone(&failure))));
        drop(reply.send(Fetched::Failed(failure)));
    }

    /// Stores the answer while it streams, or hands it to the requester alone.
    async fn settle(
        mut self,
        response: http::Response<Body>,
        wanted: &Wanted,
        sent: &HeaderMap,
        times: ExchangeTimes,
        stamp: Stamp,
        reply: oneshot::Sender<Fetched>,
    ) {
        let method = if matches!(wanted, Wanted::Head(_)) { &Method::HEAD } else { &Method::GET };
        let (status, headers) = (response.status(), response.headers());
        let received = Received { method, sent, status, headers, times, stamp };
        let verdict = draft::judge(&self.request, &received);
        let shareability = match &verdict {
            Verdict::Refuse(why) => Shareability::Alone(*why),
            Verdict::Store(draft) => draft.shareability(self.engine.now()),
        };
        // A failure says nothing of what the key's answers are once the origin is well.
        let has_failed = status.is_server_error() && shareability != Shareability::Shared;
        if has_failed {
            let failure = Arc::new(OriginFailure::of_answer(status, headers));
            self.engine.has_failed(&self.request, &failure);
            self.announce(Announcement::Shared(Flown::Failed(failure)));
        }
        let draft = match verdict {
            Verdict::Store(draft) => draft,
            Verdict::Refuse(why) => {
                if !has_failed {
                    self.send_alone(why);
                }
                return self.hand_over(response, why, reply);
            }
        };
        if let Some(why) = self.engine.lacks_room(&draft) {
            if !has_failed {
                self.send_alone(why);
            }
            return self.hand_over(response, why, reply);
        }
        let (head, body) = response.into_parts();
        let (streaming, writer, reader) = stream_of(&draft, self.engine.in_flight());
        if has_failed {
            self.duty.leader = None;
        } else {
            self.tell(shareability, Flown::Streaming(Arc::clone(&streaming)));
        }
        let headers = draft::sent_headers(head.headers, self.request.route.set_cookie);
        let held = HeldReply::nobodys(&self.engine, &draft);
        let held = held.to(reply, &self.request, Arc::clone(&streaming), headers, reader);
        self.engine.fill(*draft, body, &streaming.body, writer, self.duty, held).await;
    }

    fn note(&self, outcome: StoreOutcome) {
        self.engine.note_store_outcome(&self.request.route.name, &self.request.key, outcome);
    }

    fn hand_over(mut self, mut response: http::Response<Body>, why: Reason, reply: oneshot::Sender<Fetched>) {
        self.note(StoreOutcome::Refused(why));
        let permit = self.duty.permit.take();
        allow_quiet(&mut response);
        drop(reply.send(Fetched::Private(response.map(|body| holding(permit, body)), why)));
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
