//! What a session is spoken over: a plain socket, or TLS over one.

use super::socket::Socket;
use super::tls::HTTP_2;
use super::tls_failure::{TlsFailure, alert_of};
use rustls::AlertDescription;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// An open connection.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>, Refusal),
}

/// The alert by which the server has ended TLS, if it has. In TLS 1.3 it may refuse a client's certificate after the
/// client's handshake is over, and whoever speaks HTTP hears of that as of a connection that was closed.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal(Arc<OnceLock<AlertDescription>>);

impl Refusal {
    /// What it comes to.
    pub(super) fn failure(&self) -> Option<TlsFailure> {
        self.0.get().copied().map(TlsFailure::alert)
    }

    fn note(&self, error: &io::Error) {
        if let Some(alert) = alert_of(error) {
            let _ = self.0.set(alert);
        }
    }
}

impl Transport {
    pub(super) fn tls(stream: TlsStream<Socket>) -> Self {
        Self::Tls(Box::new(stream), Refusal::default())
    }

    pub(super) fn refusal(&self) -> Refusal {
        match self {
            Self::Plain(_) => Refusal::default(),
            Self::Tls(_, refusal) => refusal.clone(),
        }
    }

    /// Whether the server has chosen HTTP/2 in the handshake.
    pub(super) fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream, _) => stream.get_ref().1.alpn_protocol() == Some(HTTP_2),
        }
    }
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport.get_mut() {
            Transport::Plain($stream) => $call,
            Transport::Tls($stream, _) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Tls(stream, refusal) => Pin::new(stream).poll_read(context, buffer).map_err(|error| {
                refusal.note(&error);
                error
            }),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls(stream, _) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(context))
    }
}
