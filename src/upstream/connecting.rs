//! Opening a connection to a server: the socket, then TLS where the server has it.

use super::failure::ConnectError;
use super::server::{Addresses, Server};
use super::socket::Socket;
use super::tls_failure::TlsFailure;
use super::transport::Transport;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Where a connection goes.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) server: &'a Server,
    pub(super) addresses: &'a Addresses,
}

impl Opening<'_> {
    /// A connection, over TLS where there is a `name` that the server must prove, until `by` at the latest.
    pub(super) async fn open(self, name: Option<ServerName<'static>>, by: Instant) -> Result<Transport, ConnectError> {
        let (authority, timeout) = (|| Arc::clone(self.server.name()), self.server.connect_timeout);
        let in_time = |_| ConnectError::TimedOut { authority: authority(), timeout };
        let socket = timeout_at(by, self.socket()).await.map_err(in_time)?;
        let socket = socket.map_err(|cause| ConnectError::Refused { authority: authority(), cause })?;
        let (Some(name), Some(tls)) = (name, &self.server.tls) else { return Ok(Transport::Plain(socket)) };
        let in_time = |_| ConnectError::TlsTimedOut { authority: authority(), timeout };
        let shaken = timeout_at(by, tls.connector().connect(name, socket)).await.map_err(in_time)?;
        match shaken {
            Ok(stream) => Ok(Transport::tls(stream)),
            Err(error) => {
                let cause = TlsFailure::of_handshake(&error);
                self.server.not_secured(&cause);
                Err(ConnectError::Tls { authority: authority(), cause })
            }
        }
    }

    async fn socket(self) -> io::Result<Socket> {
        Socket::new(TcpStream::connect(&*self.addresses.all()).await?)
    }
}
