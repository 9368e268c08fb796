//! The answering side of a stream, up to the head of the final response. Interim responses come from whoever talks to the
//! origin, in whatever task.

use super::cancelled::Cancelled;
use crate::engine::exchange::InterimListener;
use crate::semantics::forwarding::strip_hop_by_hop;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Bytes of the interim responses to one request, which wait for a client that does not read; more are dropped, as they may
/// be: they only inform.
const INTERIM_BYTES_MAX: usize = 64 * 1024;
/// What an interim response costs besides its fields.
const INTERIM_BYTES: usize = 64;

/// Sends interim responses, and the head of the final one, once. Clones are of the same stream.
#[derive(Clone)]
pub(super) struct Replying {
    open: Arc<Mutex<Open>>,
    cancelled: Arc<Cancelled>,
}

struct Open {
    /// None once the final response has begun.
    stream: Option<SendResponse<Bytes>>,
    interim_bytes_left: usize,
}

impl Replying {
    /// Of the stream whose request came with this.
    pub(super) fn new(stream: SendResponse<Bytes>, cancelled: Arc<Cancelled>) -> Self {
        let open = Open { stream: Some(stream), interim_bytes_left: INTERIM_BYTES_MAX };
        Self { open: Arc::new(Mutex::new(open)), cancelled }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes interim responses on, but 100, which is said once the request's body is wanted, and 101, which is final and
    /// means nothing in HTTP/2 (RFC 9113 section 8.6).
    pub(super) fn listener(&self) -> InterimListener {
        let replying = self.clone();
        InterimListener::new(move |status, headers| {
            if !matches!(status.as_u16(), 100 | 101) {
                replying.send_interim(status, headers);
            }
        })
    }

    /// Sends one interim response, without the fields that concern one connection only.
    pub(super) fn send_interim(&self, status: StatusCode, headers: &HeaderMap) {
        let mut open = self.open();
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let bytes_left = open.interim_bytes_left.checked_sub(bytes + INTERIM_BYTES);
        let (Some(bytes_left), Some(stream)) = (bytes_left, &mut open.stream) else { return };
        let mut response = Response::new(());
        *response.status_mut() = status;
        headers.clone_into(response.headers_mut());
        strip_hop_by_hop(response.headers_mut());
        // There is no body.
        response.headers_mut().remove(CONTENT_LENGTH);
        // It fails only where the stream is over: then nobody is informed.
        if stream.send_informational(response).is_ok() {
            open.interim_bytes_left = bytes_left;
        }
    }

    /// Begins the final response; `None` if its client has taken the stream back, or the head can't be sent.
    pub(super) fn begin(&self, head: Response<()>, is_whole: bool) -> Option<SendStream<Bytes>> {
        let mut stream = self.open().stream.take()?;
        match stream.send_response(head, is_whole) {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::debug!(%error, "the head of an answer could not be sent");
                stream.send_reset(Reason::INTERNAL_ERROR);
                None
            }
        }
    }

    /// Waits for `answered`; `None` if the client takes the stream back before that.
    pub(super) async fn unless_taken_back<T>(&self, answered: impl Future<Output = T>) -> Option<T> {
        let mut answered = pin!(answered);
        std::future::poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(Some(answered)),
            Poll::Pending => self.poll_taken_back(cx).map(|()| None),
        })
        .await
    }

    fn poll_taken_back(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.open().stream {
            // An error is the end of the connection.
            Some(stream) => stream.poll_reset(cx).map(|_| self.cancelled.note()),
            None => Poll::Pending,
        }
    }
}
