//! Changes of protocols: RFC 9110 section 7.8. Until one is decided, what follows the request waits unread; once the
//! answer is 101, client and origin are joined and HTTP is out of it.

use super::observer::Ending;
use super::problem;
use super::record::Record;
use super::tunnel_end::ClientEnd;
use super::websocket::GOING_AWAY;
use crate::engine::exchange::UpgradeAbility;
use crate::engine::origin::Body;
use crate::engine::switched::{Duplex, Switched};
use crate::semantics::trust::X_REQUEST_ID;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

/// A change of protocols that a client asks for.
#[derive(Debug)]
pub(super) struct UpgradeRequest {
    protocol: HeaderValue,
}

impl UpgradeRequest {
    /// What a request asks for that has this ability.
    pub(super) fn of<B>(request: &Request<B>, ability: UpgradeAbility) -> Option<Self> {
        let protocol = request.headers().get(UPGRADE).filter(|_| ability == UpgradeAbility::Able);
        protocol.map(|protocol| Self { protocol: protocol.clone() })
    }

    /// A 101 with the origin's end hands that to a tunnel, and the record with it; anything else is an ordinary answer.
    pub(super) fn settle(
        self,
        mut response: Response<Body>,
        mut record: Record,
        tunnel: &Mutex<Option<Box<Tunnel>>>,
    ) -> (Response<Body>, Option<Record>) {
        let origin = response.extensions_mut().remove::<Switched>().and_then(|end| end.take());
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        match origin {
            Some(origin) if switches => {
                record.finished.status = Some(StatusCode::SWITCHING_PROTOCOLS);
                let request_id = record.finished.request_id.to_header_value();
                let protocol = response.headers_mut().entry(UPGRADE).or_insert(self.protocol).clone();
                let tunnelled = Box::new(Tunnel { protocol, origin, record });
                *tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnelled);
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
                response.headers_mut().insert(X_REQUEST_ID, request_id);
                (response, None)
            }
            _ if response.status().is_informational() => {
                (problem::of_switch(&record.finished.request_id), Some(record))
            }
            _ => (response, Some(record)),
        }
    }
}

/// The origin's end of a change of protocols, before it has happened.
#[derive(Debug)]
pub(super) struct Tunnel {
    protocol: HeaderValue,
    origin: Box<dyn Duplex>,
    /// Told of when the tunnel ends.
    record: Record,
}

impl Tunnel {
    /// To this end, by this protocol.
    pub(super) const fn new(protocol: HeaderValue, origin: Box<dyn Duplex>, record: Record) -> Self {
        Self { protocol, origin, record }
    }

    /// Passes bytes both ways until both ends have closed or either fails, or until `cut`: then the client of a WebSocket
    /// is told so where it is not in the middle of a frame, and both ends are closed. Buffers a fixed amount each way.
    pub(super) async fn run<T: AsyncRead + AsyncWrite + Unpin>(mut self, client: T, cut: impl Future<Output = ()>) {
        self.record.finished.ending = match self.join(client, cut).await {
            Ok(ending) => ending,
            Err(error) => {
                self.record.finished.cause = Some(error.into());
                Ending::Truncated
            }
        };
    }

    async fn join<T>(&mut self, client: T, cut: impl Future<Output = ()>) -> io::Result<Ending>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let cut = pin!(cut);
        let mut client = ClientEnd::new(client, self.protocol.as_bytes());
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
