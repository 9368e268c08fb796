//! The answering side of a stream, up to the head of the final response. Interim responses come from whoever talks to the
//! origin, in whatever task.

use super::outgoing::Outgoing;
use crate::proxy::streams::answering::{Answering, Sink as _, Whole};
use crate::proxy::streams::cancelled::Cancelled;
use crate::proxy::streams::interims::Room;
use futures_util::task::AtomicWaker;
use http::{HeaderMap, Response, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Sends interim responses, and the head of the final one, once. Clones are of the same stream.
#[derive(Clone)]
pub(super) struct Replying(Arc<Shared>);

struct Shared {
    open: Mutex<Open>,
    /// The task that writes.
    writer: AtomicWaker,
    cancelled: Arc<Cancelled>,
}

struct Open {
    /// `None` once the final response has begun.
    outgoing: Option<Outgoing>,
    interims: Room,
}

impl Replying {
    /// Of this stream.
    pub(super) fn new(outgoing: Outgoing, cancelled: Arc<Cancelled>) -> Self {
        let open = Mutex::new(Open { outgoing: Some(outgoing), interims: Room::default() });
        Self(Arc::new(Shared { open, writer: AtomicWaker::new(), cancelled }))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answering for Replying {
    type Sink = Outgoing;

    fn send_interim(&self, status: StatusCode, headers: &HeaderMap) {
        let mut open = self.open();
        let Open { outgoing: Some(outgoing), interims } = &mut *open else { return };
        if let Some(response) = interims.take(status, headers) {
            outgoing.push_head(&response);
            drop(open);
            self.0.writer.wake();
        }
    }

    fn begin(&self, head: Response<()>, whole: Whole) -> Option<Outgoing> {
        let mut outgoing = self.open().outgoing.take()?;
        outgoing.push_head(&head);
        if whole == Whole::Head {
            outgoing.end();
        }
        Some(outgoing)
    }

    fn poll_taken_back(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.writer.register(cx.waker());
        match &mut self.open().outgoing {
            Some(outgoing) => outgoing.poll_taken_back(cx).map(|()| self.0.cancelled.note()),
            None => Poll::Pending,
        }
    }
}
