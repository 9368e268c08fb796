//! A connection as everything above the acceptor sees it: a byte stream, and what is known of it before its first byte.

use http::uri::Scheme;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream that can end with a reset.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the coming close a reset, as far as the stream knows such a thing.
    fn reset_on_close(&self) {}
}

#[cfg(test)]
impl Socket for tokio::io::DuplexStream {}

/// What is known of a connection before its first byte.
#[derive(Debug, Clone)]
pub(super) struct ConnectionFacts {
    /// Where it comes from.
    pub(super) peer: SocketAddr,
    /// The scheme of its requests, where no trusted proxy says otherwise.
    pub(super) scheme: Scheme,
}
