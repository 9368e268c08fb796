//! A response's body as it comes off the connection.

use super::http2::Http2Body;
use crate::engine::origin::BodyError;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) enum Received {
    Http1(Incoming),
    Http2(Http2Body),
}

impl Received {
    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Http1(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Http2(body) => body.poll_frame(context).map_err(Into::into),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }

    /// Tells a body of HTTP/2 how long it is; HTTP/1.1 is framed by that itself.
    pub(super) fn of_length(self, length: Option<u64>) -> Self {
        match self {
            Self::Http2(body) => Self::Http2(body.of_length(length)),
            framed @ Self::Http1(_) => framed,
        }
    }
}
