//! A session with a server, whatever is spoken: one request at a time by HTTP/1.1, or a place for one on a connection of
//! HTTP/2.

use super::failure::Answer;
use super::http1::Http1;
use super::http2::Slot;
use super::outgoing::Hearing;
use super::received::Received;
use super::request_body::RequestBody;
use super::tls_failure::TlsFailure;
use crate::engine::exchange::FieldsAs;
use crate::engine::request_fields::RequestFields;
use http::Request;

/// One session. Dropped, it takes back what is under way on it.
#[derive(Debug)]
pub(super) enum Session {
    Http1(Box<Http1>),
    Http2(Slot),
}

impl Session {
    /// Sends a request, and waits for the head of its answer. Dropped on the way, it leaves a session that is of no use.
    pub(super) async fn send(
        &mut self,
        head: &Request<RequestFields>,
        body: RequestBody,
        hearing: Option<&Hearing>,
        fields: FieldsAs,
    ) -> Answer<Received> {
        match self {
            Self::Http1(session) => {
                session.send(head, body, hearing, fields).await.map(|response| response.map(Received::Http1))
            }
            Self::Http2(slot) => slot.send(head, body, hearing).await.map(|response| response.map(Received::Http2)),
        }
    }

    /// Why the server has ended TLS, if it has.
    pub(super) fn refused(&self) -> Option<TlsFailure> {
        match self {
            Self::Http1(session) => session.refused(),
            Self::Http2(slot) => slot.refusal().failure(),
        }
    }
}
