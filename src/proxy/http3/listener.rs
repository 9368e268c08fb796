//! A UDP port at which connections are accepted, as far as there is room, each in a task of its own.

use super::ids::Ids;
use super::port::{PortSocket, Sharing, UdpPort};
use super::{connection, limits};
use crate::clients::TooMany;
use crate::engine::Handler;
use crate::proxy::conversation::Conversation;
use crate::proxy::observer::HandshakeResult;
use crate::proxy::server::{Port, Server};
use crate::proxy::socket::{ConnectionFacts, TlsFacts};
use crate::proxy::tls::TlsEndpoint;
use futures_util::FutureExt as _;
use http::uri::Scheme;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{ConnectionError, Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime, TransportConfig};
use rustls::pki_types::CertificateDer;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections that have not been looked at.
const INCOMING_MAX: usize = 1024;
/// Handshakes under way above which a client first shows that it is where it says: RFC 9000 section 8.1.2.
const UNPROVEN_MAX: usize = 64;
/// How often the port of a process that is about to end is asked for.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// A UDP port.
#[derive(Debug)]
pub(in crate::proxy) struct QuicListener {
    address: SocketAddr,
    /// `None` if another process has the port still, and once it is used.
    socket: Mutex<Option<UdpSocket>>,
    endpoint: OnceLock<Endpoint>,
    sharing: Arc<Sharing>,
    transport: Arc<TransportConfig>,
}

/// Whether another process may have the port for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Holder {
    /// None is known.
    None,
    /// The one whose place this process takes.
    Another,
}

impl QuicListener {
    /// Binds the port; 0 finds a free one. That of a process that ends is waited for later.
    ///
    /// # Errors
    /// Where the port is taken or the address is not this machine's.
    pub(in crate::proxy) fn bind(address: SocketAddr, holder: Holder) -> io::Result<Self> {
        let socket = match UdpSocket::bind(address) {
            Ok(socket) => Some(socket),
            Err(error) if holder == Holder::Another && error.kind() == io::ErrorKind::AddrInUse => None,
            Err(error) => return Err(error),
        };
        let address = socket.as_ref().map_or(Ok(address), UdpSocket::local_addr)?;
        Self::of(socket, address, None)
    }

    /// A port that another process has opened, and where packets go that are for its connections.
    ///
    /// # Errors
    /// Where the socket is no such port.
    pub(in crate::proxy) fn adopt(socket: OwnedFd, elder: Option<OwnedFd>) -> io::Result<Self> {
        let socket = UdpSocket::from(socket);
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Self::of(Some(socket), address, elder)
    }

    fn of(socket: Option<UdpSocket>, address: SocketAddr, elder: Option<OwnedFd>) -> io::Result<Self> {
        let sharing = Arc::new(Sharing::new(elder)?);
        let transport = Arc::new(limits::transport());
        Ok(Self { address, socket: Mutex::new(socket), endpoint: OnceLock::new(), sharing, transport })
    }

    /// The port, to be passed on; `None` if this process has not got it yet, or no longer.
    ///
    /// # Errors
    /// Where the process has no more descriptors.
    pub(in crate::proxy) fn port(&self) -> io::Result<Option<UdpPort>> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        socket.as_ref().map(|socket| UdpPort::new(socket, Arc::clone(&self.sharing))).transpose()
    }

    /// Where connections arrive, which begins with the first call.
    async fn endpoint(&self, settings: ServerConfig) -> io::Result<&Endpoint> {
        if let Some(endpoint) = self.endpoint.get() {
            return Ok(endpoint);
        }
        let socket = PortSocket::new(self.socket().await, Arc::clone(&self.sharing))?;
        let process = self.sharing.process();
        let mut config = EndpointConfig::default();
        config.cid_generator(move || Box::new(Ids(process)));
        let endpoint =
            Endpoint::new_with_abstract_socket(config, Some(settings), Arc::new(socket), Arc::new(TokioRuntime))?;
        Ok(self.endpoint.get_or_init(|| endpoint))
    }

    /// Where it is.
    pub(in crate::proxy) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port, once this process has it.
    async fn socket(&self) -> UdpSocket {
        let bound = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = bound {
            return socket;
        }
        loop {
            if let Ok(socket) = UdpSocket::bind(self.address) {
                tracing::info!(address = %self.address, "HTTP/3 is offered, now that the earlier process has let go of the port");
                return socket;
            }
            sleep(ASKED_EVERY).await;
        }
    }

    /// Accepts no more: whoever comes is refused.
    pub(in crate::proxy) fn close(&self) {
        let Some(endpoint) = self.endpoint.get() else { return };
        endpoint.set_server_config(None);
        while let Some(Some(incoming)) = endpoint.accept().now_or_never() {
            incoming.refuse();
        }
    }
}

/// Accepts the next connection that may begin, once there is room for it.
pub(in crate::proxy) async fn accept_one<H: Handler>(
    listener: &QuicListener,
    tls: &Arc<TlsEndpoint>,
    port: &Arc<Port<H>>,
    connections: &Mutex<JoinSet<()>>,
) {
    let opened = async { listener.endpoint(settings(tls, &listener.transport)?).await };
    let accepted = match opened.await {
        Ok(endpoint) => endpoint.accept().await,
        Err(error) => {
            tracing::error!(%error, address = %listener.address, "HTTP/3 can't be offered");
            None
        }
    };
    let Some(incoming) = accepted else { return std::future::pending().await };
    let is_proven = incoming.remote_address_validated();
    if tls.handshakes() >= UNPROVEN_MAX && !is_proven && incoming.may_retry() {
        // It fails only where it may not, and then the connection is refused.
        let _ = incoming.retry();
        return;
    }
    let Ok(settings) = settings(tls, &listener.transport) else { return };
    let server = port.server();
    let conversation = server.conversation();
    let place = server.room.enter(&conversation).await;
    let tls = Arc::clone(tls);
    let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
    connections.spawn(async move {
        begin(server, &tls, settings, incoming, conversation).await;
        drop(place);
    });
    while connections.try_join_next().is_some() {}
}

/// What a new connection is set up with: the certificates in force.
fn settings(tls: &TlsEndpoint, transport: &Arc<TransportConfig>) -> io::Result<ServerConfig> {
    let crypto = QuicServerConfig::try_from(tls.config()).map_err(io::Error::other)?;
    let mut settings = ServerConfig::with_crypto(Arc::new(crypto));
    settings.transport_config(Arc::clone(transport)).max_incoming(INCOMING_MAX);
    Ok(settings)
}

/// One connection, from its handshake on.
async fn begin<H: Handler>(
    server: Arc<Server<H>>,
    tls: &TlsEndpoint,
    settings: ServerConfig,
    incoming: Incoming,
    conversation: Arc<Conversation>,
) {
    let peer = incoming.remote_address();
    // Where they are too many to be told so, they are told nothing.
    let place = match server.clients.connect(server.options.entrance.trust.counted(peer.ip())) {
        Ok(place) => place.map(Arc::new),
        Err(TooMany) => return incoming.refuse(),
    };
    let Some(connection) = shake(&server, tls, settings, incoming, &conversation).await else { return };
    let facts = ConnectionFacts { peer, scheme: Scheme::HTTPS, tls: Some(Arc::new(facts_of(&connection))), place };
    connection::serve(server, connection, facts, conversation).await;
}

/// Makes the handshake; `None` if the client may not go on, which is counted and logged.
async fn shake<H: Handler>(
    server: &Server<H>,
    tls: &TlsEndpoint,
    settings: ServerConfig,
    incoming: Incoming,
    conversation: &Conversation,
) -> Option<quinn::Connection> {
    let client = incoming.remote_address();
    let under_way = tls.begin_handshake();
    let shaking = async { incoming.accept_with(Arc::new(settings))?.await };
    let shaken = tokio::select! {
        biased;
        () = server.end.heard_by_newcomers() => return None,
        () = conversation.end.wait() => Err(HandshakeResult::Displaced),
        () = under_way.displaced() => Err(HandshakeResult::Displaced),
        shaken = timeout(server.options.header_read_timeout, shaking) => match shaken {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => {
                tracing::debug!(%client, %error, "no connection of HTTP/3 came to be");
                Err(result_of(&error))
            }
            Err(_) => Err(HandshakeResult::TimedOut),
        },
    };
    let result = shaken.as_ref().err().copied().unwrap_or(HandshakeResult::Full);
    conversation.observers.iter().for_each(|observer| observer.handshake(result));
    shaken.inspect_err(|result| tracing::info!(%client, result = result.label(), "no TLS connection came to be")).ok()
}

/// What a handshake came to that failed.
fn result_of(error: &ConnectionError) -> HandshakeResult {
    match error {
        ConnectionError::TransportError(_)
        | ConnectionError::VersionMismatch
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::ApplicationClosed(_) => HandshakeResult::Failed,
        ConnectionError::TimedOut => HandshakeResult::TimedOut,
        _ => HandshakeResult::ClientGone,
    }
}

fn facts_of(connection: &quinn::Connection) -> TlsFacts {
    let agreed = connection.handshake_data().and_then(|agreed| agreed.downcast::<HandshakeData>().ok());
    let shown = connection.peer_identity().and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
    let server_name = agreed.and_then(|agreed| agreed.server_name);
    TlsFacts::new(None, server_name.as_deref(), shown.as_ref().and_then(|shown| shown.first()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_port() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn a_port_that_another_has_is_an_error_unless_that_one_ends() {
        let another = free_port();
        let address = another.local_addr().unwrap();
        assert_eq!(QuicListener::bind(address, Holder::None).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(QuicListener::bind(address, Holder::Another).unwrap().address(), address);
    }

    #[tokio::test(start_paused = true)]
    async fn the_port_of_a_process_that_ends_is_taken_once_it_is_free() {
        let another = free_port();
        let listener = QuicListener::bind(another.local_addr().unwrap(), Holder::Another).unwrap();
        assert!(timeout(Duration::from_mins(1), listener.socket()).await.is_err());
        drop(another);
        assert_eq!(listener.socket().await.local_addr().unwrap(), listener.address());
    }
}
