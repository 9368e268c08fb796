//! Accepts connections, as far as there is room, until asked to stop; then waits for what is under way.

use super::acceptor::Acceptor;
use super::connection;
use super::observer::Observers;
use super::options::ProxyOptions;
use super::server::Server;
use crate::engine::Handler;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

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
    let acceptor = Acceptor { listener, scheme: options.entrance.trust.scheme.clone() };
    let server = Arc::new(Server::new(handler, options, observers));
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let (socket, facts) = acceptor.accept().await;
            let conversation = server.conversation();
            let place = server.room.enter(&conversation).await;
            let server = server.clone();
            connections.spawn(async move {
                connection::serve(server, socket, facts, conversation).await;
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
    drop(acceptor);
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
