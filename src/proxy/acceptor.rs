//! The door: listening sockets, and each connection as a byte stream with what is known of it before its first byte.
//! Everything below takes any [`Socket`](super::socket::Socket).

#[cfg(feature = "http3")]
use super::http3::QuicListener;
use super::listen_address::ListenAddress;
use super::plain_socket::PlainSocket;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};

/// Connections that wait in the kernel's queue.
const BACKLOG: i32 = 4096;
/// After an error that another attempt would meet again (no file descriptors left), from the first pause to the longest.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a silent connection stands before the kernel asks whether the other end is there.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// What a client of a Unix socket counts as coming from.
const UNIX_PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
    /// HTTP/3, whose connections are accepted elsewhere.
    #[cfg(feature = "http3")]
    Quic(QuicListener),
}

/// Binds a listener. Port 0 finds a free one. A Unix socket that a process has left behind is replaced.
///
/// # Errors
/// Where the address is taken or not this machine's.
pub(super) fn bind(address: &ListenAddress) -> io::Result<Listener> {
    match address {
        ListenAddress::Tcp(address) => bind_tcp(*address).map(Listener::Tcp),
        ListenAddress::Unix(path) => bind_unix(path).map(Listener::Unix),
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    prepare(&socket);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

/// Whether nobody listens on the Unix socket at `path`. Anything but a socket stays where it is.
fn is_left_behind(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(refused)
}

/// Takes a listener of this kind that another process has opened. Whoever listens on it besides goes on.
///
/// # Errors
/// Where the runtime can't take it.
pub(super) fn adopt(socket: OwnedFd, address: &ListenAddress) -> io::Result<Listener> {
    match address {
        ListenAddress::Tcp(_) => adopt_tcp(socket.into()).map(Listener::Tcp),
        ListenAddress::Unix(_) => {
            let socket = std::os::unix::net::UnixListener::from(socket);
            socket.set_nonblocking(true)?;
            UnixListener::from_std(socket).map(Listener::Unix)
        }
    }
}

/// As [`adopt`], of one over TCP.
///
/// # Errors
/// Where the runtime can't take it.
pub(crate) fn adopt_tcp(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    prepare(&SockRef::from(&socket));
    TcpListener::from_std(socket)
}

/// Sets what accepted sockets inherit, once instead of for each, and before the first can come: without it a body that is
/// written after its head waits for the client's delayed acknowledgement.
fn prepare(socket: &Socket) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive)) {
        tracing::debug!(error = %error, "the listener's socket options could not be set");
    }
}

/// The next connection, and where it comes from. Errors of one connection are passed over; for others there is a growing
/// pause, because trying again at once would keep a core busy for nothing.
pub(super) async fn accept(listener: &Listener) -> (PlainSocket, SocketAddr) {
    let mut pause = PAUSE;
    loop {
        let accepted = match listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(socket, peer)| (PlainSocket::Tcp(socket), peer)),
            #[cfg(feature = "http3")]
            Listener::Quic(_) => std::future::pending().await,
            Listener::Unix(listener) => {
                listener.accept().await.map(|(socket, _)| (PlainSocket::Unix(socket), UNIX_PEER))
            }
        };
        match accepted {
            Ok(connection) => return connection,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, pause_ms = pause.as_millis(), "no connection could be accepted");
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
