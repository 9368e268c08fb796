//! The admin API over TLS (`admin.tls`): a connection that makes its handshake where it is first read or written, so that
//! one that is slow holds up no other.

use crate::proxy::tls::TlsEndpoint;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

type Handshake = Pin<Box<dyn Future<Output = io::Result<TlsStream<TcpStream>>> + Send>>;

/// A connection in clear text or over TLS.
pub(super) enum Stream {
    Plain(TcpStream),
    Securing(Handshake),
    Secure(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Securing(_) => "Securing",
            Self::Secure(_) => "Secure",
        })
    }
}

impl Stream {
    /// A connection from `client` that was accepted; over TLS, where there is an endpoint.
    pub(super) fn of(stream: TcpStream, client: SocketAddr, endpoint: Option<&Arc<TlsEndpoint>>) -> Self {
        let Some(endpoint) = endpoint else { return Self::Plain(stream) };
        let config = endpoint.config();
        Self::Securing(Box::pin(async move {
            let accepting = TlsAcceptor::from(config).accept(stream);
            let secured =
                timeout(HANDSHAKE_MAX, accepting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            secured
                .inspect_err(|error| tracing::info!(%client, %error, "no TLS connection to the admin API came to be"))
        }))
    }

    /// The connection once it is open.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Open>>> {
        if let Self::Securing(handshake) = self {
            *self = Self::Secure(Box::new(ready!(handshake.as_mut().poll(cx))?));
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(Pin::<&mut TcpStream>::new(stream) as Pin<&mut dyn Open>),
            Self::Secure(stream) => Ok(Pin::<&mut TlsStream<TcpStream>>::new(stream) as Pin<&mut dyn Open>),
            Self::Securing(_) => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

/// Both kinds of open connections.
trait Open: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Open for T {}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            // Nothing was written yet.
            Self::Securing(_) => Poll::Ready(Ok(())),
            open => ready!(open.poll_open(cx))?.poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Securing(_) => Poll::Ready(Ok(())),
            open => ready!(open.poll_open(cx))?.poll_shutdown(cx),
        }
    }
}
