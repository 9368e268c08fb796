//! The body of a request over HTTP/2 on its way to the handler.

use super::conversation::Conversation;
use super::stream::{Progress, STREAM_WINDOW_BYTES};
use crate::engine::origin::{Body, BodyError, empty_body};
use crate::in_flight::Charge;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A request's body that tells its stream whether it is the client that is waited for.
struct RequestBody {
    /// None once its stream is over without it.
    inner: Option<Incoming>,
    /// Of the stream that it is the body of.
    progress: Option<Arc<Progress>>,
    /// For what h2 may hold of it while it is not taken.
    _charge: Option<Charge>,
}

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
#[error("the stream was ended, because its client made no progress on it")]
struct StreamOver;

/// The body of a request, as the handler gets it, of the stream that makes this progress.
pub(super) fn request_body(inner: Incoming, conversation: &Conversation, progress: Option<Arc<Progress>>) -> Body {
    if inner.is_end_stream() {
        return empty_body();
    }
    if let Some(progress) = &progress {
        progress.upload_begins();
    }
    let window = u64::from(STREAM_WINDOW_BYTES);
    let held_bytes = inner.size_hint().exact().map_or(window, |length| length.min(window));
    let in_flight = conversation.in_flight.as_ref().filter(|_| progress.is_some());
    let charge = in_flight.map(|in_flight| in_flight.charge(held_bytes));
    RequestBody { inner: Some(inner), progress, _charge: charge }.boxed_unsync()
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Whoever reads it may outlive the stream, and would keep it open.
        if self.progress.as_ref().is_some_and(|progress| progress.poll_over(cx).is_ready()) {
            self.inner = None;
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(Some(Err(Box::new(StreamOver)))) };
        let polled = Pin::new(inner).poll_frame(cx);
        if let Some(progress) = &self.progress {
            if polled.is_ready() { progress.given() } else { progress.awaits_giving() }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_some_and(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.upload_ends();
        }
    }
}
