//! The door: listening sockets, and each connection as a byte stream with what is known of it before its first byte.
//! Everything below takes any [`Socket`](super::socket::Socket).

use super::socket::ConnectionFacts;
use http::uri::Scheme;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections that wait in the kernel's queue.
const BACKLOG: i32 = 4096;
/// After an error that another attempt would meet again (no file descriptors left), from the first pause to the longest.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a silent connection stands before the kernel asks whether the other end is there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// How a listening address is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One listener for the address.
    Alone,
    /// Several listeners, one per runtime, among which the kernel spreads connections (`SO_REUSEPORT`).
    ReusePort,
}

/// Binds a listener. Port 0 finds a free one.
///
/// # Errors
/// Where the address is taken or not this machine's.
pub fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if sharing == Sharing::ReusePort {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    prepare(&socket);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Sets what accepted sockets inherit, once instead of for each, and before the first can come: without it a body that is
/// written after its head waits for the client's delayed acknowledgement.
fn prepare(socket: &Socket) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive)) {
        tracing::debug!(error = %error, "the listener's socket options could not be set");
    }
}

/// Accepts connections over TCP in clear text.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    /// The scheme of requests about which no trusted proxy says otherwise.
    pub(super) scheme: Scheme,
}

impl Acceptor {
    /// The next connection. Errors of one connection are passed over; for others there is a growing pause, because trying
    /// again at once would keep a core busy for nothing.
    pub(super) async fn accept(&self) -> (TcpStream, ConnectionFacts) {
        let mut pause = PAUSE;
        loop {
            match self.listener.accept().await {
                Ok((socket, peer)) => return (socket, ConnectionFacts { peer, scheme: self.scheme.clone() }),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(error = %error, pause_ms = pause.as_millis(), "no connection could be accepted");
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
            }
        }
    }
}

impl super::socket::Socket for TcpStream {
    fn reset_on_close(&self) {
        let _ = self.set_zero_linger();
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
