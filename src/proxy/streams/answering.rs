//! The answering side of a stream, as either protocol has it.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use std::task::{Context, Poll};

/// The answering side up to the head of the final response. Clones are of the same stream.
pub(in crate::proxy) trait Answering: Clone + Send + Sync + 'static {
    /// What takes the body.
    type Sink: Sink;

    /// Sends one interim response, without the fields that concern one connection only. It may be left out: it only informs.
    fn send_interim(&self, status: StatusCode, headers: &HeaderMap);

    /// Begins the final response; `None` if its client has taken the stream back, or the head can't be sent.
    fn begin(&self, head: Response<()>, length: Whole) -> Option<Self::Sink>;

    /// Ready once the client has taken the stream back. Whoever answers asks until the final response begins.
    fn poll_taken_back(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Whether a head is all of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Whole {
    /// It is.
    Head,
    /// A body follows.
    WithBody,
}

/// What follows a piece of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Then {
    /// More of it, or trailers.
    More,
    /// The end of the response.
    End,
}

/// The client takes no more: it has taken the stream back, or is gone.
#[derive(Debug)]
pub(in crate::proxy) struct Gone;

/// Takes the body of a response. Dropped before the end, it resets the stream.
pub(in crate::proxy) trait Sink: Send + Unpin + 'static {
    /// How much of `wanted` bytes the client takes now, more than nothing.
    fn poll_room(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>>;

    /// Sends a piece for which there is room.
    fn send_data(&mut self, piece: Bytes, then: Then) -> Result<(), Gone>;

    /// Sends the trailers, and the end with them.
    fn send_trailers(&mut self, trailers: HeaderMap);

    /// Ready once the client has taken the stream back.
    fn poll_taken_back(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready once nothing waits here any more that the client's window has no room for.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>>;

    /// Ends the stream with an error, because the response can't be sent to its end.
    fn reset(&mut self);
}
