//! TLS to clients: a listener's certificates, and the handshakes that are under way.
//!
//! [`TlsEndpoint`] is one listener's: it reads certificates, chooses among them by the host that a client asks for
//! ([`chooser`]), and takes others in place of them while connections go on. Handshakes are made in the
//! connection's own task (`proxy::handshake`), among a bounded number of others ([`under_way`]).

mod chooser;
mod counted;
pub(crate) mod metrics;
mod options;
mod under_way;

mod endpoint;

pub(super) use counted::Counted;
#[cfg(feature = "http3")]
pub(super) use endpoint::OVER_QUIC;
pub(super) use endpoint::OVER_TCP;
pub(crate) use endpoint::TlsEndpoint;
pub(crate) use options::{IdentityFiles, MinVersion, TlsOptions};
