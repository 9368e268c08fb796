//! Opening a connection to a server: the socket, TLS where the server has it, and a session of what both speak.

use super::connections::{Connection, Connections, Usage};
use super::failure::{ConnectError, LineError};
use super::families::raced;
use super::http1::Http1;
use super::open::Open;
use super::options::Protocol;
use super::outgoing::Speaks;
use super::server::{Addresses, Server};
use super::session::Session;
use super::socket::Socket;
use super::tls::Offer;
use super::tls_failure::TlsFailure;
use super::transport::Transport;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Requests,
    /// To see whether there is one. It is not counted.
    Trial,
}

/// Where a connection goes, and until when it must be there.
pub(super) struct Opening<'a> {
    pub(super) server: &'a Arc<Server>,
    pub(super) addresses: &'a Addresses,
    pub(super) connections: &'a Arc<Connections>,
    /// The name that the server must prove; none without TLS.
    pub(super) name: Option<ServerName<'static>>,
    pub(super) by: Instant,
    pub(super) purpose: Purpose,
}

impl Opening<'_> {
    /// A connection for a request. Of HTTP/2 it may be one that was opened meanwhile, after the given moment if any.
    pub(super) async fn connection(
        self,
        speaks: Speaks,
        opened_after: Option<Instant>,
    ) -> Result<Connection, ConnectError> {
        let offer = self.offer(speaks);
        if offer == Offer::Http1 || self.connections.are_http1() {
            let transport = self.transport(offer).await?;
            return self.session(transport, offer).await;
        }
        // One is enough for many requests, so only one is opened at a time.
        let turn = timeout_at(self.by, self.connections.lines.turn()).await.map_err(|_| self.timed_out())?;
        if let Some(connection) = self.connections.place(self.name.as_ref(), opened_after) {
            return Ok(connection);
        }
        if self.connections.are_http1() {
            drop(turn);
        }
        let transport = self.transport(offer).await?;
        self.session(transport, offer).await
    }

    /// What the server may choose from.
    fn offer(&self, speaks: Speaks) -> Offer {
        match (speaks, self.server.protocol) {
            (Speaks::Http1, _) | (_, Protocol::Http1) => Offer::Http1,
            (_, Protocol::Http2) => Offer::Http2,
            (_, Protocol::Auto) if self.server.tls.is_some() => Offer::Both,
            (_, Protocol::Auto) => Offer::Http1,
        }
    }

    /// An open connection.
    pub(super) async fn transport(&self, offer: Offer) -> Result<Transport, ConnectError> {
        let authority = || Arc::clone(self.server.name());
        let socket = timeout_at(self.by, self.socket()).await.map_err(|_| self.timed_out())?;
        let socket = socket.map_err(|cause| ConnectError::Refused { authority: authority(), cause })?;
        let (Some(name), Some(tls)) = (&self.name, &self.server.tls) else { return Ok(Transport::Plain(socket)) };
        let timeout = self.server.connect_timeout;
        let in_time = |_| ConnectError::TlsTimedOut { authority: authority(), timeout };
        let shaken = timeout_at(self.by, tls.connector(offer).connect(name.clone(), socket)).await.map_err(in_time)?;
        match shaken {
            Ok(stream) => Ok(Transport::tls(stream)),
            Err(error) => Err(self.not_secured(TlsFailure::of_handshake(&error))),
        }
    }

    async fn socket(&self) -> io::Result<Socket> {
        match self.addresses {
            Addresses::Socket { path, .. } => Ok(Socket::Unix(UnixStream::connect(path).await?)),
            Addresses::Tcp { first, second: None } => Socket::tcp(TcpStream::connect(first).await?),
            Addresses::Tcp { first, second: Some(second) } => {
                Socket::tcp(raced(TcpStream::connect(first), TcpStream::connect(second)).await?)
            }
        }
    }

    async fn session(self, transport: Transport, offer: Offer) -> Result<Connection, ConnectError> {
        let is_http2 = transport.is_http2() || (offer == Offer::Http2 && self.name.is_none());
        match offer {
            Offer::Both => self.connections.note(is_http2),
            Offer::Http2 if !is_http2 => return Err(self.not_http2(LineError::NotChosen)),
            Offer::Http1 | Offer::Http2 => {}
        }
        let open = (self.purpose == Purpose::Requests).then(|| Open::to(self.server));
        if is_http2 { self.http2(transport, open).await } else { Ok(self.http1(transport, open)) }
    }

    fn http1(self, transport: Transport, open: Option<Open>) -> Connection {
        let session = Http1::new(transport, self.server.head_limits);
        Connection::new(Session::Http1(Box::new(session)), Usage::New, self.name).counted(open)
    }

    async fn http2(self, transport: Transport, open: Option<Open>) -> Result<Connection, ConnectError> {
        let refusal = transport.refusal();
        let (server, connections) = (Arc::clone(self.server), Arc::downgrade(self.connections));
        let opening = self.server.http2.open(transport, self.name.clone(), move |result| {
            // Whoever waits on the connection hears of its end; this is for those who look for the pattern.
            if let Err(error) = result {
                tracing::debug!(server = %server.name(), %error, "an upstream connection ended early");
            }
            drop(open);
            if let Some(connections) = connections.upgrade() {
                connections.forget_closed();
            }
        });
        let line = timeout_at(self.by, opening).await.map_err(|_| self.timed_out())?;
        let line = line.map_err(|cause| match refusal.failure() {
            Some(refused) => self.not_secured(refused),
            None => self.not_http2(cause),
        })?;
        let none = || ConnectError::NoStreams { authority: Arc::clone(self.server.name()) };
        self.connections.add(line, self.name.as_ref()).ok_or_else(none)
    }

    fn timed_out(&self) -> ConnectError {
        ConnectError::TimedOut { authority: Arc::clone(self.server.name()), timeout: self.server.connect_timeout }
    }

    fn not_secured(&self, cause: TlsFailure) -> ConnectError {
        self.server.not_secured(&cause);
        ConnectError::Tls { authority: Arc::clone(self.server.name()), cause }
    }

    fn not_http2(&self, cause: LineError) -> ConnectError {
        ConnectError::NotHttp2 { authority: Arc::clone(self.server.name()), cause }
    }
}
