//! The listeners of the data port, open.

use super::acceptor::{Listener, adopt, bind};
#[cfg(feature = "http3")]
use super::http3::{Holder, QuicListener, UdpPort};
use super::listen_address::ListenAddress;
use super::listen_options::{ListenerOptions, SecurePorts, Speaks, Transport};
use super::open_error::OpenError;
#[cfg(feature = "http3")]
use super::tls::OVER_QUIC;
use super::tls::{OVER_TCP, TlsEndpoint, TlsOptions};
use http::uri::Scheme;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

/// What a listener is opened on.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A socket of its own.
    Own,
    /// One that another process has opened.
    Given(Given),
    /// A socket of its own, at a place that another process may have until it ends.
    AfterAnother,
}

/// A socket that another process has opened.
#[derive(Debug)]
pub(crate) struct Given {
    /// The socket.
    pub(crate) socket: OwnedFd,
    /// Where packets go that are for connections of that process, of a UDP port that it still has connections at.
    pub(crate) elder: Option<OwnedFd>,
}

/// What a build without HTTP/3 passes on of UDP ports.
#[cfg(not(feature = "http3"))]
#[derive(Debug, Clone)]
pub(crate) enum UdpPort {}

#[cfg(not(feature = "http3"))]
impl UdpPort {
    pub(crate) fn offer(&self) -> io::Result<[OwnedFd; 2]> {
        match *self {}
    }

    pub(crate) fn hand_over(&self) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn take_back(&self) {
        match *self {}
    }
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

impl Listening {
    /// Opens a listener. For TLS, its certificates are read first.
    ///
    /// # Errors
    /// Where the address can't be listened on, or a file of certificates can't be used.
    pub fn open(options: &ListenerOptions) -> Result<Self, OpenError> {
        Self::open_on(options, Opening::Own)
    }

    /// As [`Self::open`], on this socket.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_on(options: &ListenerOptions, opening: Opening) -> Result<Self, OpenError> {
        let (key, tls) = match &options.speaks {
            Speaks::Http => ("listen.http", None),
            Speaks::Https(tls) => ("listen.https", Some(Arc::new(TlsEndpoint::open(tls.clone(), OVER_TCP)?))),
            Speaks::Http3(tls) => return Self::open_http3(options, tls, opening),
        };
        let failed = |cause| OpenError::Bind { address: options.address.clone(), key, cause };
        let opened = match opening {
            Opening::Given(Given { socket, .. }) => adopt(socket, &options.address),
            Opening::Own | Opening::AfterAnother => bind(&options.address),
        };
        let listener = opened.map_err(failed)?;
        let address = match &listener {
            Listener::Tcp(listener) => ListenAddress::Tcp(listener.local_addr().map_err(failed)?),
            Listener::Unix(_) => options.address.clone(),
            #[cfg(feature = "http3")]
            Listener::Quic(listener) => ListenAddress::Tcp(listener.address()),
        };
        Ok(Self { listener, address, tls })
    }

    #[cfg(feature = "http3")]
    fn open_http3(options: &ListenerOptions, tls: &TlsOptions, opening: Opening) -> Result<Self, OpenError> {
        let failed = |cause| OpenError::Bind { address: options.address.clone(), key: "listen.http3", cause };
        let tls = Arc::new(TlsEndpoint::open(tls.clone(), OVER_QUIC)?);
        let ListenAddress::Tcp(address) = &options.address else {
            return Err(failed(io::ErrorKind::AddrNotAvailable.into()));
        };
        let opened = match opening {
            Opening::Given(Given { socket, elder }) => QuicListener::adopt(socket, elder),
            Opening::AfterAnother => QuicListener::bind(*address, Holder::Another),
            Opening::Own => QuicListener::bind(*address, Holder::None),
        };
        let listener = opened.map_err(failed)?;
        let address = ListenAddress::Tcp(listener.address());
        Ok(Self { listener: Listener::Quic(listener), address, tls: Some(tls) })
    }

    #[cfg(not(feature = "http3"))]
    fn open_http3(options: &ListenerOptions, _: &TlsOptions, _: Opening) -> Result<Self, OpenError> {
        Err(OpenError::NotBuilt(options.address.clone()))
    }

    /// Over what its connections come.
    #[must_use]
    pub(crate) const fn transport(&self) -> Transport {
        match &self.listener {
            Listener::Tcp(_) => Transport::Tcp,
            Listener::Unix(_) => Transport::Unix,
            #[cfg(feature = "http3")]
            Listener::Quic(_) => Transport::Quic,
        }
    }

    /// Takes no more connections, where it is not the system that refuses them.
    #[cfg(feature = "http3")]
    pub(super) fn close(&self) {
        if let Listener::Quic(listener) = &self.listener {
            listener.close();
        }
    }

    /// Its socket once more, to be passed on; `None` if it is a UDP port.
    ///
    /// # Errors
    /// Where the process has no more descriptors.
    pub(crate) fn socket(&self) -> io::Result<Option<OwnedFd>> {
        match &self.listener {
            Listener::Tcp(listener) => listener.as_fd().try_clone_to_owned().map(Some),
            Listener::Unix(listener) => listener.as_fd().try_clone_to_owned().map(Some),
            #[cfg(feature = "http3")]
            Listener::Quic(_) => Ok(None),
        }
    }

    /// Its UDP port, to be passed on; `None` if it is another socket, or another process has it still.
    ///
    /// # Errors
    /// Where the process has no more descriptors.
    pub(crate) fn udp_port(&self) -> Option<io::Result<UdpPort>> {
        match &self.listener {
            Listener::Tcp(_) | Listener::Unix(_) => None,
            #[cfg(feature = "http3")]
            Listener::Quic(listener) => listener.port().transpose(),
        }
    }

    /// The scheme of its URLs.
    #[must_use]
    pub(crate) fn scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP }
    }
}

/// The ports of the first of these that speak TLS.
pub(super) fn secure_ports(listeners: &[Listening]) -> SecurePorts {
    let over = |transport| {
        let mut secure = listeners.iter().filter(|listening| listening.tls.is_some());
        secure.find_map(|listening| match &listening.address {
            ListenAddress::Tcp(address) if listening.transport() == transport => Some(address.port()),
            _ => None,
        })
    };
    SecurePorts { tcp: over(Transport::Tcp), quic: over(Transport::Quic) }
}
