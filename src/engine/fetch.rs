//! One fetch from the origin. The client that asked for it may leave without harming those who share it ([`Fetching`]).
//!
//! A shared fetch owns its leader's guard until the answer is stored: requests that come meanwhile join it, and requests that
//! come later find the entry.

use super::Engine;
use super::draft::{self, Draft, NotStored, OriginAnswer};
use super::exchange::{Terms, WhenFull};
use super::fetch_outcome::{FetchOutcome, Fetched};
use super::fetching::Fetching;
use super::fill::Fill;
use super::miss_budget::holding;
use super::origin::{Body, OriginError, empty_body, origin_form, whole_body};
use super::origin_failure::OriginFailure;
use super::requester::Requester;
use super::shared_tier::FoundShared;
use super::storing::StoreOutcome;
use super::uncacheable::Uncacheable;
use crate::coalesce::fetch_lease::{Claim, FetchLease, WhyAlone};
use crate::coalesce::flights::{Announcement, Leader};
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::in_flight::Room;
use crate::plan::wanted::Wanted;
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::date::record_receipt;
use crate::semantics::policy::ExchangeTimes;
use crate::semantics::reason::Reason;
use crate::semantics::sharing::Shareability;
use http::{HeaderMap, Method};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How long a fetch that begins beside another for the same key lets others join it before it asks.
const GATHERING: Duration = Duration::from_millis(10);

/// A fetch, and what it owes to those who wait for it.
pub(super) struct Fetch {
    /// The engine.
    pub(super) engine: Arc<Engine>,
    /// The request that it is for.
    pub(super) request: Arc<Requester>,
    /// What is asked.
    pub(super) wanted: Wanted,
    /// Owed to the other instances: a lease.
    pub(super) lease: Option<Arc<FetchLease>>,
    leader: Option<Leader<FetchOutcome>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Fetch {
    /// Begins a fetch. `leader` is there where others share it.
    pub(super) fn begin(
        engine: &Arc<Engine>,
        request: &Arc<Requester>,
        wanted: Wanted,
        leader: Option<Leader<FetchOutcome>>,
    ) -> Fetching {
        let (engine, request) = (Arc::clone(engine), Arc::clone(request));
        let fetch = Self { engine, request, wanted, lease: None, leader, permit: None };
        Fetching::of(|reply| fetch.run(reply))
    }

    async fn run(mut self, reply: oneshot::Sender<Fetched>) {
        let fetched = match self.steps().await {
            Ok(answer) => match self.judge(&answer) {
                Ok(draft) => return self.store(Arc::new(draft), answer.response, reply).await,
                Err(why) => self.hand_over(answer.response, why),
            },
            Err(fetched) => fetched,
        };
        // The requester may have left; those who share the fetch were notified before.
        drop(reply.send(fetched));
    }

    /// The steps of a fetch, in order. Each leads to the next, or ends the fetch with what the requester takes from it.
    async fn steps(&mut self) -> Result<OriginAnswer<Body>, Fetched> {
        self.gather().await;
        if self.engine.shared.is_some() {
            self.look_elsewhere().await?;
        }
        self.wait_for_permit().await?;
        loop {
            let answer = self.ask().await?;
            match self.confirm(answer).await? {
                Some(answer) => return Ok(answer),
                None => self.wanted = Wanted::Whole,
            }
        }
    }

    /// Who wants an answer newer than their request does not join a fetch under way: the next begins at once. So that
    /// those who come together share one all the same, one that begins beside another gives them a moment to join.
    async fn gather(&mut self) {
        let Some(leader) = &mut self.leader else { return };
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
            let Some(leader) = self.leader.as_ref().filter(|_| round == 0) else { return Ok(()) };
            match self.engine.claim(&self.request, &self.wanted, leader).await {
                Some(Claim::Won(lease)) => self.lease = Some(Arc::new(lease)),
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
        let permit = self.engine.miss_permit(&self.request, &self.wanted).await;
        self.permit = permit.map_err(|failure| self.failed(failure))?;
        if let Some(leader) = &self.leader {
            leader.begin();
        }
        Ok(())
    }

    /// Asks the origin.
    async fn ask(&mut self) -> Result<OriginAnswer<Body>, Fetched> {
        // In this order: what a purge that comes in between covers is stamped below it.
        let stamp = self.engine.invalidation().applied();
        self.wanted.allow(|entry| self.engine.standing(&self.request, entry));
        let fields = self.wanted.fields(&self.request);
        let said = RequestDirectives::parse(&fields);
        let exchanged = self.exchange(fields).await;
        let (response, times) = exchanged.map_err(|error| self.failed(OriginFailure::from(error)))?;
        if !response.status().is_server_error() && !self.request.route.lifetime.is_failure(response.status()) {
            self.engine.has_answered(&self.request);
        }
        #[cfg(test)]
        let stamp =
            if deliberate_fault::is_on(Fault::LateStamp) { self.engine.invalidation().applied() } else { stamp };
        // A request that is keyed by its body is answered as a GET is.
        let method = if matches!(self.wanted, Wanted::Head(_)) { Method::HEAD } else { Method::GET };
        Ok(OriginAnswer { method, said, response, times, stamp })
    }

    async fn exchange(&self, headers: HeaderMap) -> Result<(http::Response<Body>, ExchangeTimes), OriginError> {
        let (request, route) = (&self.request, &self.request.route);
        let body = request.body.as_ref().map_or_else(empty_body, |body| whole_body(body.bytes.clone()));
        let mut fetch = http::Request::new(body);
        *fetch.method_mut() = self.wanted.method(request);
        *fetch.uri_mut() = origin_form(&route.to_origin.path_and_query(request.target.path_and_query()))?;
        *fetch.headers_mut() = headers;
        let stands_in = self.wanted.may_be_served_stale(|entry| self.engine.standing_now(request, entry));
        let when_full = if stands_in { WhenFull::Fail } else { WhenFull::Wait };
        let terms = Terms { when_full, ..request.terms(self.engine.patience(Some(route))) };
        if let (Some(leader), Some(traced)) = (&self.leader, &terms.traced) {
            leader.trace(traced.fetch());
        }
        let requested_at = self.engine.now();
        let mut response = self.engine.origin.fetch(fetch, terms).await?;
        route.to_origin.map_back(&request.target, response.headers_mut());
        let received_at = self.engine.now();
        record_receipt(&mut response, received_at);
        Ok((response, ExchangeTimes { requested_at, received_at }))
    }

    /// What of the answer is to be stored.
    fn judge(&self, answer: &OriginAnswer<Body>) -> Result<Draft, NotStored> {
        let mut draft = draft::judge(&self.request, answer)?;
        self.engine.settle(&mut draft);
        match self.engine.room_to_keep(&draft) {
            Room::Taken => Err(NotStored::Request(Reason::InFlightFull)),
            Room::Free => Ok(draft),
        }
    }

    /// Hands the answer to the requester alone.
    fn hand_over(&mut self, mut response: http::Response<Body>, why: NotStored) -> Fetched {
        draft::label(&self.request, response.headers_mut());
        // A failure says nothing of what the key's answers are once the origin is well.
        if response.status().is_server_error() {
            drop(self.failed(OriginFailure::of_answer(response.status(), response.headers())));
        } else {
            self.send_alone(Uncacheable::NotStored(why));
        }
        let why = Reason::from(why);
        match self.wanted {
            // An answer to HEAD says nothing of whether one to GET is stored.
            Wanted::Head(_) => self.engine.count_store_outcome(&self.request.route.name, StoreOutcome::Refused(why)),
            _ => self.note(StoreOutcome::Refused(why)),
        }
        let held = (self.permit.take(), self.request.place());
        self.request.allow_quiet();
        Fetched::Private(response.map(|body| holding(held, body)), why)
    }

    /// Stores the answer while it streams to all who share it.
    async fn store(mut self, draft: Arc<Draft>, response: http::Response<Body>, reply: oneshot::Sender<Fetched>) {
        let (head, body) = response.into_parts();
        let shareability = draft.shareability(self.engine.now());
        let (mut fill, writer, reader) = Fill::of(&self.engine, draft);
        if head.status.is_server_error() && shareability != Shareability::Shared {
            drop(self.failed(OriginFailure::of_answer(head.status, &head.headers)));
            self.leader = None;
        } else if !self.request.route.caches_operations() || shareability != Shareability::Shared {
            self.tell(Uncacheable::of(shareability), fill.announced());
        }
        let mut headers = draft::sent_headers(head.headers, self.request.route.set_cookie);
        draft::label(&self.request, &mut headers);
        fill.reply_to(reply, &self.request, headers, reader);
        (fill.leader, fill.lease, fill.permit) = (self.leader, self.lease, self.permit);
        fill.run(body, writer).await;
    }

    fn announce(&self, announcement: Announcement<FetchOutcome>) {
        if let Some(leader) = &self.leader {
            leader.announce(announcement);
        }
    }

    /// Tells those who wait what the answer is to them.
    pub(super) fn tell(&mut self, alone: Option<Uncacheable>, outcome: FetchOutcome) {
        match alone {
            None => self.announce(Announcement::Shared(outcome)),
            Some(why) => self.send_alone(why),
        }
    }

    /// Sends everyone who waits to the origin on their own, here and at other instances, and those who come soon too.
    fn send_alone(&mut self, why: Uncacheable) {
        self.engine.remember_uncacheable(&self.request, why);
        if let Some(lease) = self.lease.take() {
            lease.alone();
        }
        self.announce(Announcement::Alone);
    }

    /// Tells those who wait that the origin failed.
    pub(super) fn failed(&self, failure: impl Into<Arc<OriginFailure>>) -> Fetched {
        let failure = failure.into();
        self.engine.has_failed(&self.request, &failure);
        self.announce(Announcement::Shared(FetchOutcome::Failed(Arc::clone(&failure))));
        Fetched::Failed(failure)
    }

    pub(super) fn note(&self, outcome: StoreOutcome) {
        self.engine.note_store_outcome(&self.request.route.name, &self.request.key, outcome);
    }
}

/// The origin's answer to what a request asks for. Nothing of it is stored, and nobody shares it.
///
/// # Errors
/// Where there is none.
pub(super) async fn ask_only(
    engine: &Arc<Engine>,
    request: &Arc<Requester>,
) -> Result<http::Response<Body>, OriginError> {
    let (engine, request) = (Arc::clone(engine), Arc::clone(request));
    let fetch = Fetch { engine, request, wanted: Wanted::Whole, lease: None, leader: None, permit: None };
    let fields = fetch.wanted.fields(&fetch.request);
    fetch.exchange(fields).await.map(|(response, _)| response)
}
