//! `listen.https`, resolved, but for its address.

use std::path::PathBuf;

/// How a listener speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// The certificates, at least one. The first is shown to clients that ask for no host, or for one that none is for.
    pub identities: Vec<IdentityFiles>,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// The authorities, in PEM, one of which must have made a client's certificate; `None` if clients need none.
    pub client_ca: Option<PathBuf>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The chain, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM. It may be the same file.
    pub key: PathBuf,
}

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2: RFC 5246.
    Tls12,
    /// TLS 1.3: RFC 8446.
    Tls13,
}
