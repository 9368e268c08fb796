//! Accepts connections, as far as there is room, until asked to stop; then waits for what is under way.

use super::acceptor::Acceptor;
use super::connection;
use super::observer::Observers;
use super::options::ProxyOptions;
use super::server::Server;
use crate::engine::Handler;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How long what is cut off may take to say so to its client.
const FAREWELL_MAX: Duration = Duration::from_millis(200);

/// Serves connections from `listener` until `shutdown` resolves; then accepts no more, lets requests under way finish,
/// and what has outlived its client too, for at most `drain_timeout` or until `hurry` resolves, ends what is left, and
/// returns.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    options: ProxyOptions,
    observers: Observers,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
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
    let drained = async {
        while connections.join_next().await.is_some() {}
        server.handler.settled().await;
    };
    let is_drained = tokio::select! {
        () = drained => true,
        () = tokio::time::sleep(drain_timeout) => false,
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
