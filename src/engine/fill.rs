//! The body of an answer on its way from the origin to its readers and, once it is complete, to the tiers.

use super::Engine;
use super::draft::{Draft, NotStored, announced_length};
use super::fetch_outcome::{FetchOutcome, Streaming};
use super::held_reply::HeldReply;
use super::origin::Body;
use super::storing::StoreOutcome;
use super::uncacheable::Uncacheable;
use crate::coalesce::fetch_lease::FetchLease;
use crate::coalesce::flights::Leader;
use crate::coalesce::shared_body::{Retention, SharedBody, SharedBodyReader, SharedBodyWriter};
use crate::in_flight::{InFlight, Room};
use crate::semantics::reason::Reason;
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What a fetch owes to those who wait for it, until its answer is stored or known not to be.
#[derive(Default)]
pub(super) struct Duty {
    /// To the requests here that share it.
    pub(super) leader: Option<Leader<FetchOutcome>>,
    /// To the other instances.
    pub(super) lease: Option<Arc<FetchLease>>,
    /// To those that wait for their turn, until the origin has nothing more to do for it.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Duty {
    /// To the requests that share it, if it is shared.
    pub(super) const fn of(leader: Option<Leader<FetchOutcome>>) -> Self {
        Self { leader, lease: None, permit: None }
    }
}

/// The stream that those who ask now will read, and the end to write it by.
pub(super) fn stream_of(
    draft: &Draft,
    in_flight: &Arc<InFlight>,
) -> (Arc<Streaming>, SharedBodyWriter, SharedBodyReader) {
    let retained_bytes_max = draft.route.max_body_bytes.min(in_flight.retained_bytes_max());
    let (writer, body) = SharedBody::new(retained_bytes_max, in_flight);
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
            Some(pieces) => {
                let admitted = self.admit(draft, pieces, duty.lease.clone(), shared);
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
