//! Accepts connections, as far as there is room, until asked to stop; then waits for what is under way.

use super::ProxyOptions;
use super::connection;
use super::observer::Observers;
use super::server::Server;
use crate::engine::Handler;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

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

/// Serves connections from `listener` until `shutdown` resolves; then accepts no more, lets requests under way finish,
/// and what has outlived its client too, for at most `drain_timeout`, ends what is left, and returns.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    options: ProxyOptions,
    observers: Observers,
    shutdown: impl Future<Output = ()>,
) {
    let drain_timeout = options.drain_timeout;
    let server = Arc::new(Server::new(handler, options, observers));
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let (socket, client) = accept(&listener).await;
            let conversation = server.conversation();
            let place = server.room.enter(&conversation).await;
            let server = server.clone();
            connections.spawn(async move {
                connection::serve(server, socket, client, conversation).await;
                drop(place);
            });
            while connections.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        biased;
        () = pin!(shutdown) => {}
        () = accepting => {}
    }
    drop(listener);
    server.end.give();
    let drained = tokio::time::timeout(drain_timeout, async {
        while connections.join_next().await.is_some() {}
        server.handler.settled().await;
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "the time to drain is over, ending what is left");
        connections.shutdown().await;
        server.handler.cut_off().await;
    }
}

/// Sets what accepted sockets inherit, once instead of for each, and before the first can come: without it a body that is
/// written after its head waits for the client's delayed acknowledgement.
fn prepare(socket: &Socket) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_keepalive(&keepalive)) {
        tracing::debug!(error = %error, "the listener's socket options could not be set");
    }
}

/// The next connection. Errors of one connection are passed over; for others there is a growing pause, because trying
/// again at once would keep a core busy for nothing.
async fn accept(listener: &TcpListener) -> (tokio::net::TcpStream, SocketAddr) {
    let mut pause = PAUSE;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
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
