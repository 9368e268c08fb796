//! Why the data port or the admin port can't be opened.

use super::listen_address::ListenAddress;
use crate::tls::FileFailure;
use std::io;

/// Why a listener can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system does not let it listen there.
    #[error("cannot listen on {address} ({key}): {cause}")]
    Bind {
        /// Where.
        address: ListenAddress,
        /// The key of the configuration.
        key: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// A certificate, a key or an authority can't be used.
    #[error("{0}")]
    File(String),
    /// This build can't speak it.
    #[cfg(not(feature = "http3"))]
    #[error("cannot listen on {0} (listen.http3): Larder was built without the feature `http3`")]
    NotBuilt(ListenAddress),
    /// They can't be used together.
    #[error("`listen.https` cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

impl From<FileFailure> for OpenError {
    fn from(failure: FileFailure) -> Self {
        Self::File(format!("{failure}; {}", failure.hint()))
    }
}
