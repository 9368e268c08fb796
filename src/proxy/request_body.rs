//! The body of a request over HTTP/2 or HTTP/3 on its way to the handler.

use super::conversation::Conversation;
use super::stream_limits::STREAM_WINDOW_BYTES;
use super::stream_progress::Progress;
use crate::engine::origin::{Body, BodyError, empty_body};
use crate::in_flight::Charge;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A request's body that reports to its stream whether it is waiting for the client.
struct RequestBody<B> {
    /// None once its stream is over without it.
    inner: Option<B>,
    /// Of the stream that it is the body of.
    progress: Arc<Progress>,
    /// For what the connection may hold of it while it is not taken.
    _charge: Option<Charge>,
}

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
#[error("the stream was ended, because its client made no progress on it")]
struct StreamOver;

/// The body of a request, as the handler gets it, of the stream that makes this progress.
pub(super) fn request_body<B>(inner: B, conversation: &Conversation, progress: Arc<Progress>) -> Body
where
    B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
{
    if inner.is_end_stream() {
        return empty_body();
    }
    progress.upload_begins();
    let window = u64::from(STREAM_WINDOW_BYTES);
    let held_bytes = inner.size_hint().exact().map_or(window, |length| length.min(window));
    let charge = conversation.in_flight.as_ref().map(|in_flight| in_flight.charge(held_bytes));
    RequestBody { inner: Some(inner), progress, _charge: charge }.boxed_unsync()
}

impl<B> http_body::Body for RequestBody<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Whoever reads it may outlive the stream, and would keep it open.
        if self.progress.poll_over(cx).is_ready() {
            self.inner = None;
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(Some(Err(Box::new(StreamOver)))) };
        let polled = Pin::new(inner).poll_frame(cx);
        if polled.is_ready() {
            self.progress.given();
        } else {
            self.progress.awaits_giving();
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_some_and(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, B::size_hint)
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        self.progress.upload_ends();
    }
}
