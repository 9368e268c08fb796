//! The body of a response on a stream: the library is given no more than there is a window for, so that a client that takes
//! nothing holds nothing there.

use crate::proxy::streams::answering::{Gone, Sink, Then};
use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;
use std::task::{Context, Poll};

/// See the module.
pub(super) struct Http2Sink(SendStream<Bytes>);

impl Http2Sink {
    /// Of the stream whose final response has begun.
    pub(super) const fn new(stream: SendStream<Bytes>) -> Self {
        Self(stream)
    }
}

impl Sink for Http2Sink {
    fn poll_room(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        self.0.reserve_capacity(wanted);
        while self.0.capacity() == 0 {
            match self.0.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(Err(Gone)),
                Poll::Pending => return self.poll_taken_back(cx).map(|()| Err(Gone)),
            }
        }
        Poll::Ready(Ok(self.0.capacity()))
    }

    fn send_data(&mut self, piece: Bytes, then: Then) -> Result<(), Gone> {
        self.0.send_data(piece, then == Then::End).map_err(|_| Gone)
    }

    fn send_trailers(&mut self, trailers: HeaderMap) {
        // The client may have taken the stream back meanwhile.
        let _ = self.0.send_trailers(trailers);
    }

    fn poll_taken_back(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_reset(cx).map(drop)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {
        self.0.send_reset(Reason::INTERNAL_ERROR);
    }
}
