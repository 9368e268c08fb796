//! What counts as under way at a server: from when it is chosen for a request until the answer's body has ended, or is
//! given up. Once a connection has changed to another protocol it does not count.

use super::member::Member;
use crate::engine::origin::{Body, BodyError};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// One request under way at an endpoint. It counts until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Member>);

impl UnderWay {
    pub(super) fn at(member: &Arc<Member>) -> Self {
        member.begin();
        Self(Arc::clone(member))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Holds something until the response's body ends or is given up.
pub(super) fn until_end_of<H: Send + Unpin + 'static>(response: Response<Body>, held: H) -> Response<Body> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS || response.body().is_end_stream() {
        return response;
    }
    response.map(|body| HoldingBody { body, held: Some(held) }.boxed_unsync())
}

struct HoldingBody<H> {
    body: Body,
    held: Option<H>,
}

impl<H: Send + Unpin> http_body::Body for HoldingBody<H> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.held = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
