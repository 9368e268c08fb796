//! A body that one task writes and many read while it grows.
//!
//! The writer never waits for readers up to the retained size, and goes on without any. Past it, and where bodies under
//! way hold too much in all, the body can't be stored any more: no new reader may come, the part that all readers have
//! passed is dropped, and the writer waits for the slowest of them to come within a window; once all are gone it gets
//! an error to stop. A reader that is furthest behind when there is no room is cut off, so a slow one holds up neither
//! the others nor the memory for long.
//!
//! Objects: one [`SharedBodyWriter`], any number of [`SharedBody`] handles and [`SharedBodyReader`]s over one state
//! under one short mutex, never held across an await. Wakers are taken out under the lock and woken after it. Pieces
//! are shared, not copied, but for runs of tiny ones, which are joined so that their bookkeeping does not outgrow them.

mod outcome;
mod reader;
mod shared_state;
mod state;

pub(crate) use outcome::{AllReadersGone, Retention, Truncated};
pub(crate) use reader::SharedBodyReader;

use crate::in_flight::{HeldBody, InFlight, Room};
use bytes::Bytes;
use http::HeaderMap;
use shared_state::SharedState;
use state::{End, MayWrite, State};
use std::error::Error;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How long a reader may take nothing while the writer waits for it and others wait for the writer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The growing body; clone it to read it elsewhere. Once the last clone is dropped there are no new readers, and what
/// those there are have passed is dropped too.
#[derive(Clone)]
pub(crate) struct SharedBody {
    shared: Arc<SharedState>,
    _entrance: Arc<Entrance>,
}

/// The way in for new readers.
struct Entrance(Arc<SharedState>);

impl Drop for Entrance {
    fn drop(&mut self) {
        self.0.state().close();
    }
}

/// Fills a [`SharedBody`]. Dropping it before [`Self::finish`] cuts the body short.
pub(crate) struct SharedBodyWriter {
    shared: Arc<SharedState>,
    // Kept between pushes to spare an allocation each.
    woken: Vec<Waker>,
}

impl SharedBody {
    /// An empty body and the writer that fills it. What it holds is charged to `in_flight` by who pushes it; here it
    /// is only noted, so that its readers can be cut off.
    pub(crate) fn new(retained_bytes_max: u64, in_flight: &Arc<InFlight>) -> (SharedBodyWriter, Self) {
        Self::with_window(retained_bytes_max, in_flight, usize::MAX)
    }

    /// The same with a window of at most so many bytes.
    pub(crate) fn with_window(
        retained_bytes_max: u64,
        in_flight: &Arc<InFlight>,
        window_bytes: usize,
    ) -> (SharedBodyWriter, Self) {
        let shared = Arc::new_cyclic(|shared: &Weak<SharedState>| SharedState {
            state: Mutex::new(State::new(retained_bytes_max, Arc::clone(in_flight), window_bytes)),
            in_flight: Arc::clone(in_flight),
            number: in_flight.note(shared.clone()),
        });
        let entrance = Arc::new(Entrance(Arc::clone(&shared)));
        (SharedBodyWriter { shared: Arc::clone(&shared), woken: Vec::new() }, Self { shared, _entrance: entrance })
    }

    /// The complete body lies there in memory, too: its readers go on with that one.
    pub(crate) fn is_stored_as(&self, stored: Option<&Bytes>) {
        if let Some(stored) = stored {
            self.shared.state().is_stored_as(stored);
        }
    }

    /// A reader from the beginning; `None` where the beginning is not held any more or the body was cut short already:
    /// ask on your own.
    pub(crate) fn reader(&self) -> Option<SharedBodyReader> {
        let place = self.shared.state().enter()?;
        Some(SharedBodyReader::new(Arc::clone(&self.shared), place))
    }

    /// The reader of the request that makes the body, taken before anything is pushed; later it may find no beginning
    /// to read and then says that the body was cut short.
    pub(crate) fn first_reader(&self) -> SharedBodyReader {
        let nowhere = usize::MAX;
        self.reader().unwrap_or_else(|| SharedBodyReader::new(Arc::clone(&self.shared), nowhere))
    }

    /// The pieces of the body, if it is complete by now.
    pub(crate) fn completed(&self) -> Option<Vec<Bytes>> {
        self.shared.state().completed()
    }
}

impl SharedBodyWriter {
    /// Appends a piece and, where the body is not retained, waits until the slowest reader has come within the window.
    /// One that takes nothing for seconds while others wait for more is cut off. Where the future is dropped while it
    /// waits, the piece has been appended all the same.
    ///
    /// # Errors
    /// Where the body is not retained and all its readers are gone.
    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), AllReadersGone> {
        let mut appended = self.shared.state().append(piece, &mut self.woken);
        if self.shared.in_flight.room() == Room::Taken {
            appended = self.shared.state().give_up();
        }
        self.woken.drain(..).for_each(Waker::wake);
        appended?;
        loop {
            let room = poll_fn(|context| match self.shared.state().room(context.waker()) {
                MayWrite::Now => Poll::Ready(Ok(())),
                MayWrite::Later => Poll::Pending,
                MayWrite::Never => Poll::Ready(Err(AllReadersGone)),
            });
            match tokio::time::timeout(PATIENCE, room).await {
                Ok(outcome) => return outcome,
                Err(_) => self.cut_off_stalled(),
            }
        }
    }

    fn cut_off_stalled(&self) {
        let stalled = self.shared.state().stalled();
        for reader in stalled {
            self.shared.cut_off(reader);
        }
    }

    /// Whether all that was pushed is held.
    pub(crate) fn retained(&self) -> Retention {
        self.shared.state().retention()
    }

    /// Ends the body, with trailers if there are any.
    pub(crate) fn finish(mut self, trailers: Option<HeaderMap>) {
        self.end(End::Whole(trailers));
    }

    /// Cuts the body short.
    pub(crate) fn fail(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.end(End::Cut(Truncated { cause: Some(cause.into().into()) }));
    }

    fn end(&mut self, end: End) {
        self.shared.state().end(end, &mut self.woken);
        self.woken.drain(..).for_each(Waker::wake);
    }
}

impl Drop for SharedBodyWriter {
    fn drop(&mut self) {
        // After `finish` or `fail` this changes nothing: the first end stands.
        self.end(End::Cut(Truncated { cause: None }));
    }
}

#[cfg(test)]
mod tests;
