//! How many requests may be under way in a pool (`max_requests`). Over that they wait, first come, first served.

use super::failure::Full;
use super::terms::TryTerms;
use crate::engine::exchange::WhenFull;
use crate::engine::origin::{Body, BodyError};
use crate::in_flight;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

/// The room of one pool.
#[derive(Debug)]
pub(super) struct Room {
    /// None: as many as come.
    free: Option<Arc<Semaphore>>,
    /// How many places there are, taken and free.
    max: usize,
    waiting: Arc<AtomicUsize>,
}

/// So many places are as good as no limit.
const PLACES_MAX: usize = 1 << 30;

/// Lets so many places go once they are given back.
fn give_up_later(free: &Arc<Semaphore>, count: u32) {
    let given_back = Arc::clone(free).acquire_many_owned(count);
    if let (1.., Ok(runtime)) = (count, Handle::try_current()) {
        runtime.spawn(async move {
            if let Ok(places) = given_back.await {
                places.forget();
            }
        });
    }
}

/// A place taken. It is given back when this is dropped; `None` if there is no limit.
pub(super) type Place = Option<OwnedSemaphorePermit>;

/// One that waits, counted until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Room {
    pub(super) fn new(max: Option<NonZeroUsize>) -> Self {
        let free = max.map(|max| Arc::new(Semaphore::new(max.get())));
        Self { free, max: max.map_or(PLACES_MAX, NonZeroUsize::get), waiting: Arc::default() }
    }

    /// The same room with another limit, which counts what is under way where there was a limit before.
    pub(super) fn after(before: &Self, max: Option<NonZeroUsize>) -> Self {
        let Some(free) = before.free.clone() else { return Self::new(max) };
        let (now, earlier) = (max.map_or(PLACES_MAX, NonZeroUsize::get), before.max);
        if now > earlier {
            free.add_permits(now - earlier);
        } else {
            let taken = earlier - now - free.forget_permits(earlier - now);
            give_up_later(&free, u32::try_from(taken).unwrap_or(u32::MAX));
        }
        let waiting = Arc::clone(&before.waiting);
        Self { free: max.map(|_| free), max: now, waiting }
    }

    /// Whether a request that no client waits for may take a place: where clients keep half of all, and none waits.
    pub(super) fn spare(&self) -> in_flight::Room {
        let Some(free) = &self.free else { return in_flight::Room::Free };
        in_flight::Room::beside(free.available_permits(), self.max)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes a place, or waits for one on these terms.
    pub(super) async fn enter(&self, terms: &TryTerms) -> Result<Place, Full> {
        let Some(free) = &self.free else { return Ok(None) };
        if let Ok(place) = Arc::clone(free).try_acquire_owned() {
            return Ok(Some(place));
        }
        if terms.when_full == WhenFull::Fail {
            return Err(Full);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        match timeout_at(terms.turn_by(), Arc::clone(free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(Some(place)),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

/// Holds a place until the response's body ends or is given up.
pub(super) fn until_end_of(response: Response<Body>, place: Place) -> Response<Body> {
    if place.is_none() || response.status() == StatusCode::SWITCHING_PROTOCOLS || response.body().is_end_stream() {
        return response;
    }
    response.map(|body| HoldingBody { body, place }.boxed_unsync())
}

struct HoldingBody {
    body: Body,
    place: Place,
}

impl http_body::Body for HoldingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.place = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
