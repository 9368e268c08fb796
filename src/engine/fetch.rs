//! One fetch from the origin, in a task of its own: whoever asked for it may go away without harming those who share it.
//!
//! The task owns the leader's guard of a shared fetch, if it is shared, until the answer is stored: requests that come
//! meanwhile join it, and requests that come later find the entry.

use super::Engine;
use super::admit::{self, Draft, Received, Verdict};
use super::confirm::Confirmed;
use super::exchange::{ReadTimeout, allow_quiet, origin_form};
use super::flown::{Fetched, Flown, OriginFailure, Streaming};
use super::held_reply::HeldReply;
use super::miss_budget::Turn;
use super::origin::{Body, OriginError, empty_body};
use super::requester::Requester;
use super::shared::FoundShared;
use super::storing::StoreOutcome;
use crate::coalesce::fetch_lease::{Claim, FetchLease, WhyAlone};
use crate::coalesce::flights::{Announcement, Leader};
use crate::coalesce::shared_body::{Retention, SharedBody, SharedBodyOptions, SharedBodyReader, SharedBodyWriter};
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::entry::Entry;
use crate::in_flight::{InFlight, Room};
use crate::plan::request::CacheableRequest;
use crate::plan::serving::Usable;
use crate::semantics::conditional::validation_fields;
use crate::semantics::date::record_receipt;
use crate::semantics::partial::{completing_range, if_range};
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::OnOriginFailure;
use crate::semantics::sharing::Shareability;
use crate::stamp::Stamp;
use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How long a fetch that begins beside another for the same key lets others join it before it asks.
const GATHERING: Duration = Duration::from_millis(10);

/// What is asked of the origin.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// The whole response.
    Whole,
    /// Confirmation of what is stored, or the whole response.
    Validation(Arc<Entry>, OnOriginFailure),
    /// The bytes that the client's Range names.
    ClientRange,
    /// What the stored part misses.
    Rest(Arc<Entry>),
    /// The head only.
    Head(Option<OnOriginFailure>),
}

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

/// What a fetch owes to those who wait for it, until its answer is stored or known not to be.
#[derive(Debug, Default)]
pub(super) struct Duty {
    /// To the requests here that share it.
    pub(super) leader: Option<Leader<Flown>>,
    /// To the other instances.
    pub(super) lease: Option<Arc<FetchLease>>,
    /// To those that wait for their turn, until the origin has nothing more to do for it.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Duty {
    /// To the requests that share it, if it is shared.
    pub(super) const fn of(leader: Option<Leader<Flown>>) -> Self {
        Self { leader, lease: None, permit: None }
    }
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
            match super::confirm::judge(&self, &wanted, response, times, stamp).await {
                super::confirm::Answer::Final(response) => {
                    return self.settle(response, &wanted, &sent, times, stamp, reply).await;
                }
                super::confirm::Answer::Entry(Confirmed { entry, status, shareability, outcome }) => {
                    self.note(outcome);
                    self.tell(shareability, Flown::Confirmed(Arc::clone(&entry), status));
                    return drop(reply.send(Fetched::Confirmed(entry, status, Some(outcome))));
                }
                super::confirm::Answer::Failure(failure) => return self.fail(failure, reply),
                super::confirm::Answer::AskAgain => wanted = Wanted::Whole,
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
        *fetch.extensions_mut() = self.request.extensions(self.engine.patience(Some(&self.request.route)));
        if let Some(timeout) = self.request.route.read_timeout {
            fetch.extensions_mut().insert(ReadTimeout(timeout));
        }
        let requested_at = self.engine.now();
        let mut response = self.engine.origin().fetch(fetch).await?;
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

    /// The lease, for an answer that other instances may take from the shared tier.
    pub(super) fn lease_for(&self, shareability: Shareability) -> Option<Arc<FetchLease>> {
        self.duty.lease.clone().filter(|_| shareability == Shareability::Shared)
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
        let verdict = admit::judge(&self.request, &received);
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
        let headers = admit::sent_headers(head.headers, self.request.route.set_cookie);
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

/// The fields of a fetch for a request that asks for this.
pub(super) fn asking_fields(request: &CacheableRequest, wanted: &Wanted) -> HeaderMap {
    let mut headers = request.fetch_headers();
    match wanted {
        Wanted::Whole | Wanted::Head(_) => {}
        Wanted::Validation(stored, _) => headers.extend(validation_fields(&stored.headers())),
        Wanted::ClientRange => {
            for name in [RANGE, IF_RANGE] {
                if let Some(value) = request.headers.get(&name) {
                    headers.insert(name, value.clone());
                }
            }
        }
        Wanted::Rest(stored) => headers.extend(completing_fields(stored).into_iter().flatten()),
    }
    headers
}

/// The fields that ask for what a stored part misses; none where it can't be completed at once.
///
/// Without a strong validator no answer can be joined to the part, and the whole is asked for next; but origins that take
/// no ranges send it at once, and the part is replaced either way, so this costs an exchange at most once.
pub(super) fn completing_fields(stored: &Entry) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let range = completing_range(&stored.part()?)?;
    let condition = if_range(&stored.headers()).map(|tag| (IF_RANGE, tag));
    Some([(RANGE, range)].into_iter().chain(condition).collect())
}

/// The stream that those who ask now will read, and the end to write it by.
pub(super) fn stream_of(
    draft: &Draft,
    in_flight: &Arc<InFlight>,
) -> (Arc<Streaming>, SharedBodyWriter, SharedBodyReader) {
    let retained_bytes_max = draft.route.max_body_bytes.min(in_flight.retained_bytes_max());
    let (writer, body) = SharedBody::new(SharedBodyOptions { retained_bytes_max }, in_flight);
    let reader = body.first_reader();
    let streaming = Streaming {
        status: draft.status,
        headers: draft.headers.clone(),
        policy: draft.policy.clone(),
        lifetime: draft.lifetime,
        variant: draft.variant.clone(),
        route: Arc::clone(&draft.route),
        tags: draft.tags.clone(),
        body,
    };
    (Arc::new(streaming), writer, reader)
}

impl Engine {
    /// Copies the origin's body to its readers and, once complete, stores it. Holds `duty` until then, and tells `held`
    /// what came of it.
    pub(super) async fn fill(
        &self,
        draft: Draft,
        mut body: Body,
        shared: &SharedBody,
        mut writer: SharedBodyWriter,
        mut duty: Duty,
        mut held: HeldReply<'_>,
    ) {
        let mut trailers = None;
        let mut retention = Retention::Retained;
        while let Some(frame) = held.while_held(body.frame()).await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => {
                    held.grows_by(data.len());
                    let pushed = writer.push(data).await;
                    if retention != writer.retained() {
                        retention = writer.retained();
                        // The origin works on it all the same: only its turn is not over.
                        duty = Duty { permit: duty.permit.take(), ..Duty::default() };
                        held.settle(StoreOutcome::Refused(self.not_retained(&draft, retention)));
                    }
                    if pushed.is_err() {
                        return;
                    }
                }
                Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
                Err(error) => {
                    held.settle(StoreOutcome::Refused(Reason::BodyTruncated));
                    return writer.fail(error);
                }
            }
        }
        writer.finish(trailers);
        let outcome = match shared.completed() {
            Some(complete) => {
                let admitted = self.admit(draft, complete.pieces, duty.lease.clone(), shared);
                held.while_held(admitted).await
            }
            None => StoreOutcome::Refused(Reason::BodyTruncated),
        };
        held.settle(outcome);
        // The flight is open until the entry is there: no request in between asks the origin again.
        drop(duty);
    }
}

impl Engine {
    /// Why an answer is not kept for want of room, if so; one that is too large for what there may ever be, too.
    fn lacks_room(&self, draft: &Draft) -> Option<Reason> {
        let in_flight = self.in_flight();
        let announced = admit::announced_length(&draft.headers).unwrap_or(0);
        let has_room = announced <= in_flight.retained_bytes_max() && in_flight.room_for(announced) == Room::Free;
        (!has_room).then_some(Reason::InFlightFull)
    }

    /// Why a body that grew past what is kept of it is not stored. That there was no room at the moment says nothing of the
    /// key.
    fn not_retained(&self, draft: &Draft, retention: Retention) -> Reason {
        if retention != Retention::Overrun {
            return Reason::InFlightFull;
        }
        let too_large = draft.route.max_body_bytes <= self.in_flight().retained_bytes_max();
        let why = if too_large { Reason::BodyTooLarge } else { Reason::InFlightFull };
        self.uncacheable().remember(&draft.key, why, self.now());
        why
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
