//! The answering side of a stream, up to the head of the final response. Interim responses come from whoever talks to the
//! origin, in whatever task.

use super::sink::Http2Sink;
use crate::proxy::streams::answering::{Answering, Whole};
use crate::proxy::streams::cancelled::Cancelled;
use crate::proxy::streams::interims::Room;
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Sends interim responses, and the head of the final one, once. Clones are of the same stream.
#[derive(Clone)]
pub(super) struct Replying {
    open: Arc<Mutex<Open>>,
    cancelled: Arc<Cancelled>,
}

struct Open {
    /// `None` once the final response has begun.
    stream: Option<SendResponse<Bytes>>,
    interims: Room,
}

impl Replying {
    /// Of the stream whose request came with this.
    pub(super) fn new(stream: SendResponse<Bytes>, cancelled: Arc<Cancelled>) -> Self {
        let open = Open { stream: Some(stream), interims: Room::default() };
        Self { open: Arc::new(Mutex::new(open)), cancelled }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answering for Replying {
    type Sink = Http2Sink;

    fn send_interim(&self, status: StatusCode, headers: &HeaderMap) {
        let Open { stream: Some(stream), interims } = &mut *self.open() else { return };
        if let Some(response) = interims.take(status, headers) {
            // It fails only where the stream is over: then nobody is informed.
            let _ = stream.send_informational(response);
        }
    }

    fn begin(&self, head: Response<()>, whole: Whole) -> Option<Http2Sink> {
        let mut stream = self.open().stream.take()?;
        match stream.send_response(head, whole == Whole::Head) {
            Ok(stream) => Some(Http2Sink::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "the head of an answer could not be sent");
                stream.send_reset(Reason::INTERNAL_ERROR);
                None
            }
        }
    }

    fn poll_taken_back(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.open().stream {
            // An error is the end of the connection.
            Some(stream) => stream.poll_reset(cx).map(|_| self.cancelled.note()),
            None => Poll::Pending,
        }
    }
}
