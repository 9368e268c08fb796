//! TLS to clients: a listener's certificates and what is agreed on with each client.
//!
//! [`TlsEndpoint`] is one listener's: it reads certificates, chooses among them by the host that a client asks for
//! ([`chooser`]), and takes others in place of them while connections go on. [`secure`] makes a handshake in the
//! connection's own task, within a time, and among a bounded number of others ([`under_way`]).

mod chooser;
mod counted;
pub(crate) mod metrics;
mod options;
mod under_way;

mod endpoint;

mod handshake;

#[cfg(feature = "http3")]
pub(super) use endpoint::OVER_QUIC;
pub(super) use endpoint::OVER_TCP;
pub(crate) use endpoint::TlsEndpoint;
pub(crate) use handshake::HandshakeResult;
pub(super) use handshake::secure;
pub(crate) use options::{IdentityFiles, MinVersion, TlsOptions};
