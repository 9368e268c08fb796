//! The body of a request whose client may wait for 100 (Continue): RFC 9110 section 10.1.1.

use super::answering::Answering;
use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body that sends 100 (Continue) once it is wanted.
pub(super) struct Expecting<A, B> {
    body: B,
    /// `None` if nobody waits.
    answering: Option<A>,
}

impl<A: Answering, B> Expecting<A, B> {
    /// The body of this request.
    pub(super) fn of(request: Request<B>, answering: &A) -> Request<Self> {
        let expects = request.headers().get(EXPECT);
        let expects = expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let answering = expects.then(|| answering.clone());
        request.map(|body| Self { body, answering })
    }
}

impl<A: Answering + Unpin, B: Body<Data = Bytes> + Unpin> Body for Expecting<A, B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(answering) = self.answering.take() {
            answering.send_interim(StatusCode::CONTINUE, &HeaderMap::new());
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
