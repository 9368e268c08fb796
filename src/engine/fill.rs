//! The body of an answer on its way from the origin to its readers and, once it is complete, to the tiers.
//!
//! The head of an answer that is being stored is held back for a moment: a short body is complete and stored by then, and
//! Cache-Status can say so. A long body, or one that takes its time, is not waited for.

use super::Engine;
use super::draft::{Draft, NotStored, announced_length};
use super::fetch_outcome::{FetchOutcome, Fetched};
use super::graphql_answers;
use super::origin::Body;
use super::requester::Requester;
use super::storing::{StoreOutcome, Storing};
use super::uncacheable::Uncacheable;
use crate::coalesce::fetch_lease::FetchLease;
use crate::coalesce::flights::{Announcement, Leader};
use crate::coalesce::shared_body::{Retention, SharedBody, SharedBodyReader, SharedBodyWriter};
use crate::in_flight::Room;
use crate::semantics::event_stream::is_event_stream;
use crate::semantics::reason::Reason;
use http::HeaderMap;
use http_body_util::BodyExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// The largest body that a head waits for, in bytes.
const SHORT_BODY_BYTES: u64 = 64 * 1024;

/// How long a head waits for a body that is announced as short.
const ANNOUNCED_WAIT: Duration = Duration::from_millis(100);

/// How long it waits for one of unknown length: the end of a short one mostly comes with its beginning.
const UNANNOUNCED_WAIT: Duration = Duration::from_millis(5);

/// An answer that is being stored, and what is owed meanwhile to those who wait for it.
pub(super) struct Fill {
    engine: Arc<Engine>,
    draft: Arc<Draft>,
    body: SharedBody,
    /// What came of storing it.
    outcome: watch::Sender<Option<StoreOutcome>>,
    /// The reply to the one that fetches, with its reader.
    held: Option<(oneshot::Sender<Fetched>, Fetched)>,
    until: Instant,
    arrived_bytes: u64,
    /// Owed to the requests here that share the fetch.
    pub(super) leader: Option<Leader<FetchOutcome>>,
    /// Owed to the other instances.
    pub(super) lease: Option<Arc<FetchLease>>,
    /// Owed to those that wait for their turn, until the origin has nothing more to do for it.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Fill {
    /// One that nobody waits for yet; with the end to write its body by, and the first reader of it.
    pub(super) fn of(engine: &Arc<Engine>, draft: Arc<Draft>) -> (Self, SharedBodyWriter, SharedBodyReader) {
        let in_flight = engine.in_flight();
        let retained_bytes_max = draft.route.max_body_bytes.min(in_flight.retained_bytes_max());
        let (writer, body) = SharedBody::new(retained_bytes_max, in_flight);
        let reader = body.first_reader();
        let fill = Self {
            engine: Arc::clone(engine),
            draft,
            body,
            outcome: watch::Sender::new(None),
            held: None,
            until: Instant::now(),
            arrived_bytes: 0,
            leader: None,
            lease: None,
            permit: None,
        };
        (fill, writer, reader)
    }

    /// What is announced to those who share the fetch.
    pub(super) fn announced(&self) -> FetchOutcome {
        FetchOutcome::Streaming(Arc::clone(&self.draft), self.body.clone())
    }

    /// Replies to the one that fetches; at once where there is nothing to wait for.
    pub(super) fn reply_to(
        &mut self,
        reply: oneshot::Sender<Fetched>,
        request: &Requester,
        headers: HeaderMap,
        reader: SharedBodyReader,
    ) {
        let wait = request.at_most(head_wait(&headers));
        let (draft, storing) = (Arc::clone(&self.draft), Some(Storing::Open(self.outcome.subscribe())));
        self.held = Some((reply, Fetched::Streaming { draft, headers, reader, storing }));
        self.until += wait;
        if wait.is_zero() {
            self.send();
        }
    }

    /// Copies the origin's body to its readers and, once complete, stores it.
    pub(super) async fn run(mut self, mut body: Body, mut writer: SharedBodyWriter) {
        let mut trailers = None;
        let mut retention = Retention::Retained;
        while let Some(frame) = self.while_held(body.frame()).await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => {
                    self.grows_by(data.len());
                    let pushed = writer.push(data).await;
                    if retention != writer.retained() {
                        retention = writer.retained();
                        // The origin works on it all the same: only its turn is not over.
                        (self.leader, self.lease) = (None, None);
                        let why = self.engine.not_retained(&self.draft, retention);
                        self.settle(StoreOutcome::Refused(why));
                    }
                    if pushed.is_err() {
                        return;
                    }
                }
                Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
                Err(error) => {
                    self.settle(StoreOutcome::Refused(Reason::BodyTruncated));
                    return writer.fail(error);
                }
            }
        }
        writer.finish(trailers);
        let outcome = match self.body.completed() {
            Some(pieces) => {
                let (engine, draft) = (Arc::clone(&self.engine), Arc::clone(&self.draft));
                let (shared, lease) = (self.body.clone(), self.lease.clone());
                self.while_held(engine.admit(&draft, pieces, lease, &shared)).await
            }
            None => StoreOutcome::Refused(Reason::BodyTruncated),
        };
        // The flight is open until the entry is there: no request in between asks the origin again.
        self.settle(outcome);
        self.tell_what_was_read(outcome);
    }

    /// Whether an answer to an operation of GraphQL is for others is known only once it is read: they have waited for
    /// that.
    fn tell_what_was_read(&self, outcome: StoreOutcome) {
        if !self.draft.route.caches_operations() {
            return;
        }
        let announcement = match outcome {
            StoreOutcome::Stored => Announcement::Shared(FetchOutcome::Stored),
            StoreOutcome::Refused(why) => {
                if graphql_answers::is_of_the_answer(why) {
                    let why = Uncacheable::NotStored(NotStored::Key(why));
                    self.engine.uncacheable.remember(&self.draft.key, why, self.engine.now());
                }
                Announcement::Alone
            }
        };
        if let Some(leader) = &self.leader {
            leader.announce(announcement);
        }
    }

    /// Sends the reply, if it is still held.
    fn send(&mut self) {
        if let Some((reply, fetched)) = self.held.take() {
            // The requester may have left.
            drop(reply.send(fetched));
        }
    }

    /// The outcome of a future. The reply goes out meanwhile, once it has waited for long enough.
    async fn while_held<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        if self.held.is_some() {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = sleep_until(self.until) => self.send(),
            }
        }
        future.await
    }

    /// So many bytes more have come.
    fn grows_by(&mut self, bytes: usize) {
        self.arrived_bytes = self.arrived_bytes.saturating_add(bytes as u64);
        if self.arrived_bytes > SHORT_BODY_BYTES {
            self.send();
        }
    }

    /// Reports what came of storing the answer. Of several outcomes the first stands.
    fn settle(&mut self, outcome: StoreOutcome) {
        if self.outcome.borrow().is_none() {
            self.engine.note_store_outcome(&self.draft.route.name, &self.draft.key, outcome);
            self.outcome.send_replace(Some(outcome));
        }
        self.send();
    }
}

/// How long the head waits for its body; a stream of events may take for ever, so it is not waited for.
fn head_wait(headers: &HeaderMap) -> Duration {
    match announced_length(headers) {
        _ if is_event_stream(headers) => Duration::ZERO,
        None => UNANNOUNCED_WAIT,
        Some(length) if length <= SHORT_BODY_BYTES => ANNOUNCED_WAIT,
        Some(_) => Duration::ZERO,
    }
}

impl Engine {
    /// Whether there is room to keep an answer while it comes. Never for one that is larger than what is retained at most.
    pub(super) fn room_to_keep(&self, draft: &Draft) -> Room {
        let in_flight = self.in_flight();
        let announced = announced_length(&draft.headers).unwrap_or(0);
        if announced <= in_flight.retained_bytes_max() { in_flight.room_for(announced) } else { Room::Taken }
    }

    /// Why a body that grew past what is kept of it is not stored. That there was no room at the moment says nothing of the
    /// key.
    fn not_retained(&self, draft: &Draft, retention: Retention) -> Reason {
        if retention != Retention::Overrun {
            return Reason::InFlightFull;
        }
        let too_large = draft.route.max_body_bytes <= self.in_flight().retained_bytes_max();
        let why = if too_large { Reason::BodyTooLarge } else { Reason::InFlightFull };
        self.uncacheable.remember(&draft.key, Uncacheable::NotStored(NotStored::Key(why)), self.now());
        why
    }
}
