//! The body of a request on its way to the handler.

use super::conversation::Conversation;
use crate::engine::origin::{Body, BodyError};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A request's body that tells, when it is given up before its end, that the connection can't be used again: what is
/// left of the body stands before the next request, and reading it to throw it away could take for ever.
struct RequestBody {
    inner: Incoming,
    number: u64,
    conversation: Arc<Conversation>,
    is_over: bool,
}

/// The body of the request with this number, as the handler gets it. One that is empty costs nothing, because its box
/// has no size.
pub(super) fn request_body(inner: Incoming, number: u64, conversation: &Arc<Conversation>) -> Body {
    if inner.is_end_stream() {
        return Empty::new().map_err(|never| match never {}).boxed_unsync();
    }
    RequestBody { inner, number, conversation: conversation.clone(), is_over: false }.boxed_unsync()
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.is_over = frame.as_ref().is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.is_over && !self.inner.is_end_stream() {
            self.conversation.body_given_up(self.number);
        }
    }
}
