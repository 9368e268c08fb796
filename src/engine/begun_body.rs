//! A body of which something was read before it is passed on: that comes first, and then the rest.

use super::origin::{Body, BodyError};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// See the module.
pub(super) struct Begun {
    /// What was read, in order.
    pub(super) read: VecDeque<Result<Frame<Bytes>, BodyError>>,
    /// What was not; `None` where it was read to its end.
    pub(super) rest: Option<Body>,
}

impl http_body::Body for Begun {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match (self.read.pop_front(), &mut self.rest) {
            (Some(piece), _) => Poll::Ready(Some(piece)),
            (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.read.iter().filter_map(|read| read.as_ref().ok()?.data_ref());
        let read = frames.map(|piece| piece.len() as u64).sum::<u64>();
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), http_body::Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}
