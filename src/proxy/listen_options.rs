//! `[listen]`, resolved: where the data port listens, and what is spoken there.

use super::listen_address::ListenAddress;
use super::tls::TlsOptions;

/// A listener of `[listen]`, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerOptions {
    /// Where.
    pub address: ListenAddress,
    /// What.
    pub speaks: Speaks,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP in clear text: `listen.http`.
    Http,
    /// HTTP over TLS: `listen.https`.
    Https(TlsOptions),
    /// HTTP/3: `listen.http3`, with the certificates of `listen.https`.
    Http3(TlsOptions),
}

/// Over what the connections of a listener come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TCP.
    Tcp,
    /// A Unix socket.
    Unix,
    /// QUIC, over UDP.
    Quic,
}

/// The ports of the first listeners that speak TLS.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecurePorts {
    /// Over TCP.
    pub(super) tcp: Option<u16>,
    /// HTTP/3.
    pub(super) quic: Option<u16>,
}
