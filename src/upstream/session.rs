//! A session with a server, whatever is spoken: one request at a time by HTTP/1.1, or a place for one on a connection of
//! HTTP/2.

use super::failure::Answer;
use super::http1::Http1;
use super::http2::Slot;
use super::request_body::RequestBody;
use super::tls_failure::TlsFailure;
use futures_util::future::Either;

/// One session. Dropped, it takes back what is under way on it.
#[derive(Debug)]
pub(super) enum Session {
    Http1(Http1),
    Http2(Slot),
}

impl Session {
    pub(super) fn send(&mut self, request: http::Request<RequestBody>) -> impl Future<Output = Answer> + use<> {
        match self {
            Self::Http1(session) => Either::Left(session.send(request)),
            Self::Http2(slot) => Either::Right(slot.send(request)),
        }
    }

    /// Why the server has ended TLS, if it has.
    pub(super) fn refused(&self) -> Option<TlsFailure> {
        match self {
            Self::Http1(session) => session.refusal.failure(),
            Self::Http2(slot) => slot.refusal().failure(),
        }
    }
}
