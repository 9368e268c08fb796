//! Changes of protocols: RFC 9110 section 7.8. Until one is decided, what follows the request waits in the socket's
//! wrapper; once the answer is 101, client and origin are joined and HTTP is out of it.

use super::conversation::{Conversation, UpgradeState};
use super::observer::Ending;
use super::problem;
use super::record::Record;
use super::tunnel_end::ClientEnd;
use super::websocket::GOING_AWAY;
use crate::engine::origin::Body;
use crate::engine::switched::{Duplex, Switched};
use crate::semantics::trust::X_REQUEST_ID;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use tokio::io::AsyncWriteExt as _;

/// A change of protocols that a client asks for.
#[derive(Debug)]
pub(super) struct UpgradeRequest {
    protocol: HeaderValue,
    client: OnUpgrade,
}

impl UpgradeRequest {
    /// Takes the client's end out of the request with this number, where the guard has seen it ask.
    pub(super) fn take(request: &mut Request<Incoming>, conversation: &Conversation, number: u64) -> Option<Self> {
        let client = request.extensions_mut().remove::<OnUpgrade>()?;
        let protocol = request.headers().get(UPGRADE)?.clone();
        (*conversation.upgrade() == UpgradeState::Asked(number)).then_some(Self { protocol, client })
    }

    /// A 101 with the origin's end hands both ends to a tunnel, and the record with them; anything else is an ordinary
    /// answer.
    pub(super) async fn settle(
        self,
        mut response: Response<Body>,
        mut record: Record,
        tunnel: &Mutex<Option<Tunnel>>,
    ) -> (Response<Body>, Option<Record>) {
        let origin = response.extensions_mut().remove::<Switched>().and_then(|end| end.take());
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let conversation = record.conversation.clone();
        let settled = match origin {
            Some(origin) if switches => {
                record.finished.status = Some(StatusCode::SWITCHING_PROTOCOLS);
                let request_id = record.finished.request_id.to_header_value();
                let protocol = response.headers_mut().entry(UPGRADE).or_insert(self.protocol).clone();
                *tunnel.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Tunnel { protocol, client: self.client, origin, record });
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
                response.headers_mut().insert(X_REQUEST_ID, request_id);
                (response, None)
            }
            None if switches => (problem::of_switch(&record.finished.request_id), Some(record)),
            _ => (response, Some(record)),
        };
        *conversation.upgrade() = if settled.1.is_none() { UpgradeState::Switched } else { UpgradeState::NotAsked };
        wake_own_task().await;
        settled
    }
}

/// hyper is not waiting for the socket any more, so nothing else would make it look at what was held back.
async fn wake_own_task() {
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    })
    .await;
}

/// Both ends of a change of protocols, before it has happened.
#[derive(Debug)]
pub(super) struct Tunnel {
    protocol: HeaderValue,
    /// Resolves once hyper has let go of the client's connection.
    client: OnUpgrade,
    origin: Box<dyn Duplex>,
    /// Told of when the tunnel ends.
    record: Record,
}

impl Tunnel {
    /// Passes bytes both ways until both ends have closed or either fails, or until `cut`: then the client of a WebSocket
    /// is told so where it is not in the middle of a frame, and both ends are closed. Buffers a fixed amount each way.
    pub(super) async fn run(mut self, cut: impl Future<Output = ()>) {
        self.record.finished.ending = match self.join(cut).await {
            Ok(ending) => ending,
            Err(error) => {
                self.record.finished.cause = Some(error.into());
                Ending::Truncated
            }
        };
    }

    async fn join(&mut self, cut: impl Future<Output = ()>) -> io::Result<Ending> {
        let mut cut = pin!(cut);
        let client = tokio::select! {
            biased;
            client = &mut self.client => client.map_err(io::Error::other)?,
            () = &mut cut => return Ok(Ending::Truncated),
        };
        let mut client = ClientEnd::new(TokioIo::new(client), self.protocol.as_bytes());
        let is_cut = tokio::select! {
            biased;
            () = cut => true,
            copied = tokio::io::copy_bidirectional(&mut client, &mut self.origin) => copied.map(|_| false)?,
        };
        if is_cut && client.takes_a_frame() {
            client.write_all(&GOING_AWAY).await?;
        }
        self.record.finished.body_bytes = client.bytes_written();
        if is_cut {
            client.shutdown().await?;
            return Ok(Ending::Truncated);
        }
        Ok(Ending::Complete)
    }
}
