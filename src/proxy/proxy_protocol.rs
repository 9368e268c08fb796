//! What a balancer says of a connection before its first byte: the PROXY protocol, versions 1 and 2.
//!
//! Where it is required, each connection begins with it, comes from a trusted proxy, or is closed. It is never guessed: where it
//! is not required, its bytes are a bad request.

use super::plain_socket::PlainSocket;
use crate::semantics::trust::Trust;
use proxy_header::{Error, ParseConfig, ProxyHeader};
use std::io;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt as _;

/// The longest header that is taken. Version 1 ends by itself at 107 bytes; version 2 may carry notes of any length.
const HEADER_BYTES_MAX: usize = 4096;

/// Whether connections begin with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyProtocol {
    /// They don't.
    #[default]
    Off,
    /// Each one does.
    Require,
}

/// Why a connection is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the PROXY protocol was expected from a trusted proxy, and the peer is none")]
    NotTrusted,
    #[error("the PROXY protocol was expected, and something else came")]
    Malformed,
    #[error("the connection ended within the PROXY protocol's header")]
    Ended,
    #[error("the PROXY protocol's header could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Takes the header off a connection that comes from `peer`: where the client's end of it is. What a balancer opens for
/// itself, to see whether Larder is there, comes from the balancer.
pub(super) async fn take_header(
    socket: &mut PlainSocket,
    peer: SocketAddr,
    trust: &Trust,
) -> Result<SocketAddr, Refused> {
    if !trust.trusts(peer.ip().to_canonical()) {
        return Err(Refused::NotTrusted);
    }
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    let mut header = Vec::new();
    let mut next = vec![0; HEADER_BYTES_MAX];
    loop {
        let room = HEADER_BYTES_MAX.saturating_sub(header.len());
        let seen = socket.peek(next.get_mut(..room).unwrap_or_default()).await?;
        if seen == 0 {
            return Err(if room == 0 { Refused::Malformed } else { Refused::Ended });
        }
        let before = header.len();
        header.extend_from_slice(next.get(..seen).unwrap_or_default());
        let (source, taken) = match ProxyHeader::parse(&header, config) {
            Ok((parsed, length)) => (Some(parsed.proxied_address().map(|address| address.source)), length - before),
            Err(Error::BufferTooShort) => (None, seen),
            Err(_) => return Err(Refused::Malformed),
        };
        // What follows the header stays in the socket.
        socket.read_exact(next.get_mut(..taken).unwrap_or_default()).await?;
        if let Some(source) = source {
            return Ok(source.unwrap_or(peer));
        }
    }
}
