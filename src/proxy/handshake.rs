//! A connection's handshake, in its own task.

use super::conversation::Conversation;
use super::observer::HandshakeResult;
use super::plain_socket::PlainSocket;
use super::server::Server;
use super::socket::{ConnectionFacts, Protocol, Socket, TlsFacts};
use super::tls::{Counted, TlsEndpoint};
use crate::engine::Handler;
use rustls::{HandshakeKind, ServerConnection};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long, and for how many bytes, a client that speaks no TLS is read from after it was answered: closing with
/// unread bytes would be a reset, which may take the answer away.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: u64 = 64 * 1024;
/// The answer to such a client.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 48\r\n\
    Connection: close\r\n\r\nThis port speaks TLS: use https:// in the URL.\r\n";

/// A connection over TLS. In a box, since it is large and moved from one future to the next.
pub(super) type SecureSocket = Box<TlsStream<Counted>>;

impl Socket for SecureSocket {
    fn reset_on_close(&self) {
        self.get_ref().0.socket.reset_on_close();
    }

    fn sent(&self) -> u64 {
        self.get_ref().0.written
    }
}

/// Why a connection did not come to be.
enum Failure {
    PlainHttp,
    TimedOut,
    Displaced,
    Io(io::Error),
}

/// Makes the handshake; `None` if the client may not go on, which is counted and logged.
pub(super) async fn secure<H: Handler>(
    server: &Server<H>,
    endpoint: &TlsEndpoint,
    socket: PlainSocket,
    facts: ConnectionFacts,
    conversation: &Conversation,
) -> Option<(SecureSocket, ConnectionFacts)> {
    let place = endpoint.begin_handshake();
    let shaken = tokio::select! {
        biased;
        () = server.end.heard_by_newcomers() => return None,
        () = conversation.end.wait() => Err(Failure::Displaced),
        () = place.displaced() => Err(Failure::Displaced),
        shaken = timeout(server.options.header_read_timeout, shake(endpoint, socket)) => {
            shaken.unwrap_or(Err(Failure::TimedOut))
        }
    };
    drop(place);
    let result = match &shaken {
        Ok(socket) if socket.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) => HandshakeResult::Resumed,
        Ok(_) => HandshakeResult::Full,
        Err(failure) => failure.result(),
    };
    conversation.observers.iter().for_each(|observer| observer.handshake(result));
    match shaken {
        Ok(socket) => {
            let facts = ConnectionFacts { tls: Some(Arc::new(facts_of(socket.get_ref().1))), ..facts };
            Some((socket, facts))
        }
        Err(failure) => {
            failure.log(&facts, result);
            None
        }
    }
}

async fn shake(endpoint: &TlsEndpoint, mut socket: PlainSocket) -> Result<SecureSocket, Failure> {
    let mut first = [0];
    if socket.peek(&mut first).await.map_err(Failure::Io)? == 0 {
        return Err(Failure::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    // Every method begins with a letter, and so does the preface of HTTP/2; TLS begins with the byte 22 (RFC 8446 section
    // 5.1).
    if first[0].is_ascii_alphabetic() {
        answer_in_clear_text(&mut socket).await;
        return Err(Failure::PlainHttp);
    }
    let socket = Counted { socket, written: 0 };
    TlsAcceptor::from(endpoint.config()).accept(socket).await.map(Box::new).map_err(Failure::Io)
}

/// Tells a client that speaks HTTP in clear text what is wrong. Whether it listens does not matter.
async fn answer_in_clear_text(socket: &mut PlainSocket) {
    let told = socket.write_all(NOT_TLS).await.is_ok() && socket.shutdown().await.is_ok();
    if told {
        let (mut rest, mut nowhere) = (socket.take(LINGER_BYTES_MAX), tokio::io::sink());
        drop(timeout(LINGER, tokio::io::copy(&mut rest, &mut nowhere)).await);
    }
}

fn facts_of(connection: &ServerConnection) -> TlsFacts {
    let protocol = connection.alpn_protocol().map(|protocol| match protocol {
        b"h2" => Protocol::Http2,
        _ => Protocol::Http1,
    });
    TlsFacts::new(protocol, connection.server_name(), connection.peer_certificates().and_then(<[_]>::first))
}

impl Failure {
    fn result(&self) -> HandshakeResult {
        match self {
            Self::PlainHttp => HandshakeResult::PlainHttp,
            Self::TimedOut => HandshakeResult::TimedOut,
            Self::Displaced => HandshakeResult::Displaced,
            Self::Io(error) if error.kind() == io::ErrorKind::InvalidData => HandshakeResult::Failed,
            Self::Io(_) => HandshakeResult::ClientGone,
        }
    }

    fn log(&self, facts: &ConnectionFacts, result: HandshakeResult) {
        let (client, result) = (facts.peer, result.label());
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::info!(%client, result, %error, "no TLS connection came to be");
            }
            // Whoever only looks whether the port is open.
            Self::Io(error) => tracing::debug!(%client, result, %error, "no TLS connection came to be"),
            Self::PlainHttp => tracing::info!(%client, result, "plain HTTP was spoken to a port that speaks TLS"),
            Self::TimedOut | Self::Displaced => tracing::info!(%client, result, "no TLS connection came to be"),
        }
    }
}
