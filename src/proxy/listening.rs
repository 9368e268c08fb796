//! Where the data port listens, and what is spoken there.

use super::acceptor::{Listener, adopt, bind};
use super::listen_address::ListenAddress;
use super::tls::{TlsEndpoint, TlsOptions};
use crate::tls::FileFailure;
use http::uri::Scheme;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

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
}

/// A listener that is open.
#[derive(Debug)]
pub struct Listening {
    pub(super) listener: Listener,
    /// Where; the port that was found where 0 was asked for.
    pub address: ListenAddress,
    /// None in clear text.
    pub(crate) tls: Option<Arc<TlsEndpoint>>,
}

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
    /// They can't be used together.
    #[error("`listen.https` cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

impl From<FileFailure> for OpenError {
    fn from(failure: FileFailure) -> Self {
        Self::File(format!("{failure}; {}", failure.hint()))
    }
}

impl Listening {
    /// Opens a listener. For TLS, its certificates are read first.
    ///
    /// # Errors
    /// Where the address can't be listened on, or a file of certificates can't be used.
    pub fn open(options: &ListenerOptions) -> Result<Self, OpenError> {
        Self::open_on(options, None)
    }

    /// As [`Self::open`], on a socket that another process has opened.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_on(options: &ListenerOptions, given: Option<OwnedFd>) -> Result<Self, OpenError> {
        let (key, tls) = match &options.speaks {
            Speaks::Http => ("listen.http", None),
            Speaks::Https(tls) => ("listen.https", Some(Arc::new(TlsEndpoint::open(tls.clone())?))),
        };
        let failed = |cause| OpenError::Bind { address: options.address.clone(), key, cause };
        let opened = given.map_or_else(|| bind(&options.address), |socket| adopt(socket, &options.address));
        let listener = opened.map_err(failed)?;
        let address = match &listener {
            Listener::Tcp(listener) => ListenAddress::Tcp(listener.local_addr().map_err(failed)?),
            Listener::Unix(_) => options.address.clone(),
        };
        Ok(Self { listener, address, tls })
    }

    /// Its socket once more, to be passed on.
    ///
    /// # Errors
    /// Where the process has no more descriptors.
    pub(crate) fn socket(&self) -> io::Result<OwnedFd> {
        match &self.listener {
            Listener::Tcp(listener) => listener.as_fd().try_clone_to_owned(),
            Listener::Unix(listener) => listener.as_fd().try_clone_to_owned(),
        }
    }

    /// The scheme of its URLs.
    #[must_use]
    pub(crate) fn scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP }
    }
}
