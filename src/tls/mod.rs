//! Certificates, private keys and authorities, as they lie in PEM files: what clients are shown, what upstream servers are
//! shown, and whom either side believes.
//!
//! A file that can't be used is a [`FileFailure`], which says which file, why, and how to mend it. Nothing here opens a
//! connection.

mod failure;
mod identity;
mod pem;
mod subject;
mod validity;

pub(crate) use failure::FileFailure;
pub(crate) use identity::Identity;
pub(crate) use pem::{authorities, authorities_in_der};
pub(crate) use subject::subject;
pub(crate) use validity::Validity;

use rustls::crypto::CryptoProvider;
use std::sync::{Arc, OnceLock};

/// The algorithms that all connections use: those of ring.
#[must_use]
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

#[cfg(test)]
mod tests;
