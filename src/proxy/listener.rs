//! Accepts connections, as far as there is room, until asked to stop; then waits for what is under way.

#[cfg(feature = "http3")]
use super::acceptor::Listener;
use super::acceptor::accept;
use super::connection;
use super::conversation::Conversation;
use super::handshake::secure;
#[cfg(feature = "http3")]
use super::http3;
use super::listening::{Listening, secure_ports};
use super::observer::Observers;
use super::options::OptionsInForce;
use super::plain_socket::PlainSocket;
use super::proxy_protocol::{ProxyProtocol, take_header};
use super::server::{Port, Server};
use super::socket::ConnectionFacts;
use super::tls::TlsEndpoint;
use crate::clients::TooMany;
use crate::engine::Handler;
use futures_util::FutureExt as _;
use futures_util::future::{Either, join_all};
use http::uri::Scheme;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// The most connections that are taken out of the kernel's queue at the end.
const QUEUE_MAX: usize = 4096;

/// How long what is cut off may take to say so to its client.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// Serves connections from all of `listeners` until `shutdown` resolves; then accepts no more, lets requests under way finish,
/// and what has outlived its client too, for at most `drain_timeout` or until `hurry` resolves, ends what is left, and
/// returns.
pub async fn serve<H: Handler>(
    listeners: Vec<Listening>,
    handler: Arc<H>,
    options: Arc<OptionsInForce>,
    observers: Observers,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) {
    let port = Port::new(handler, &options, observers, secure_ports(&listeners));
    let connections = Mutex::new(JoinSet::new());
    let accepting = listeners.iter().map(|listening| Box::pin(accept_all(listening, &port, &connections)));
    tokio::select! {
        biased;
        () = pin!(shutdown) => {}
        _ = join_all(accepting) => {}
    }
    // Whoever is in a kernel's queue would be reset once it is closed. What there is no room for now, is.
    for listening in &listeners {
        for _ in 0..QUEUE_MAX {
            if accept_one(listening, &port, &connections).now_or_never().is_none() {
                break;
            }
        }
    }
    #[cfg(feature = "http3")]
    listeners.iter().for_each(Listening::close);
    drop(listeners);
    let server = port.server();
    server.end.give();
    let mut connections = connections.into_inner().unwrap_or_else(PoisonError::into_inner);
    let drained = async {
        while connections.join_next().await.is_some() {}
        server.handler.settled().await;
    };
    let is_drained = tokio::select! {
        () = drained => true,
        () = tokio::time::sleep(server.options.drain_timeout) => false,
        () = hurry => false,
    };
    if !is_drained {
        tracing::warn!(connections = connections.len(), "the time to drain is over, ending what is left");
        server.cut.give();
        let farewells = async { while connections.join_next().await.is_some() {} };
        // What has nothing to say is still there after that.
        let _ = tokio::time::timeout(FAREWELL_MAX, farewells).await;
        connections.shutdown().await;
        server.handler.cut_off().await;
    }
}

/// Accepts from one listener, each connection in a task of its own.
async fn accept_all<H: Handler>(listening: &Listening, port: &Arc<Port<H>>, connections: &Mutex<JoinSet<()>>) {
    loop {
        accept_one(listening, port, connections).await;
    }
}

/// Accepts a connection once there is room for it.
async fn accept_one<H: Handler>(listening: &Listening, port: &Arc<Port<H>>, connections: &Mutex<JoinSet<()>>) {
    #[cfg(feature = "http3")]
    if let (Listener::Quic(quic), Some(tls)) = (&listening.listener, &listening.tls) {
        return http3::accept_one(quic, tls, port, connections).await;
    }
    let (socket, peer) = accept(&listening.listener).await;
    let server = port.server();
    let scheme = match listening.tls {
        Some(_) => Scheme::HTTPS,
        None => server.options.entrance.trust.scheme.clone(),
    };
    let conversation = server.conversation();
    let place = server.room.enter(&conversation).await;
    let facts = ConnectionFacts { peer, scheme, tls: None, place: None };
    let tls = listening.tls.clone();
    let mut connections = lock(connections);
    connections.spawn(async move {
        // In a box, which is given back before the first request.
        if let Some(serving) = Box::pin(begin(server, socket, tls, facts, conversation)).await {
            serving.await;
        }
        drop(place);
    });
    while connections.try_join_next().is_some() {}
}

fn lock(connections: &Mutex<JoinSet<()>>) -> MutexGuard<'_, JoinSet<()>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What comes before a connection's first byte of HTTP; what serves it from then on, or `None` if it may not go on.
async fn begin<H: Handler>(
    server: Arc<Server<H>>,
    mut socket: PlainSocket,
    tls: Option<Arc<TlsEndpoint>>,
    mut facts: ConnectionFacts,
    conversation: Arc<Conversation>,
) -> Option<impl Future<Output = ()> + Send> {
    if server.options.entrance.proxy_protocol == ProxyProtocol::Require {
        facts.peer = client_end(&server, &mut socket, facts.peer, &conversation).await?;
    }
    // Where they are too many to be answered, they get nothing.
    match server.clients.connect(server.options.entrance.trust.counted(facts.peer.ip())) {
        Ok(place) => facts.place = place.map(Arc::new),
        Err(TooMany) => return None,
    }
    let Some(tls) = tls else { return Some(Either::Left(connection::serve(server, socket, facts, conversation))) };
    let (socket, facts) = Box::pin(secure(&server, &tls, socket, facts, &conversation)).await?;
    Some(Either::Right(connection::serve(server, socket, facts, conversation)))
}

/// Where the client's end of a connection is that begins with the PROXY protocol; `None` if it may not go on, which is
/// logged.
async fn client_end<H: Handler>(
    server: &Server<H>,
    socket: &mut PlainSocket,
    peer: SocketAddr,
    conversation: &Conversation,
) -> Option<SocketAddr> {
    let header = take_header(socket, peer, &server.options.entrance.trust);
    let taken = tokio::select! {
        biased;
        () = server.end.heard_by_newcomers() => return None,
        () = conversation.end.wait() => return None,
        taken = tokio::time::timeout(server.options.header_read_timeout, header) => taken,
    };
    match taken {
        Ok(Ok(client)) => Some(client),
        Ok(Err(error)) => {
            tracing::info!(%peer, "{error}");
            None
        }
        Err(_) => {
            tracing::info!(%peer, "the PROXY protocol's header did not come in time");
            None
        }
    }
}
