//! The server's end, and its cap on connections.

use crate::support::{TestServer, options, tell_target};
use larder::testing::proxy::{Ending, ProxyOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

fn waiting(
    begun: &Arc<Notify>,
    gate: &Arc<Notify>,
) -> impl Fn(
    http::Request<larder::testing::engine::Body>,
) -> futures_util::future::BoxFuture<'static, larder::testing::engine::Answer>
+ use<> {
    let (begun, gate) = (begun.clone(), gate.clone());
    move |request| {
        let (begun, gate) = (begun.clone(), gate.clone());
        Box::pin(async move {
            begun.notify_one();
            gate.notified().await;
            tell_target(request).await
        })
    }
}

#[tokio::test]
async fn the_end_lets_requests_under_way_finish_and_closes_the_rest() {
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut server = TestServer::start(waiting(&begun, &gate));
    let mut silent = server.client().await;
    let mut idle = server.client().await;
    idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;
    gate.notify_one();
    assert_eq!(idle.reply().await.body, "/idle");
    let mut busy = server.client().await;
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;
    server.stop();
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    gate.notify_one();
    let reply = busy.reply().await;
    assert_eq!((reply.body.as_str(), &reply.headers["connection"]), ("/busy", &"close".parse().unwrap()));
    assert_eq!(busy.rest().await, "");
    let address = server.address;
    server.stopped().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn the_end_is_forced_once_the_time_to_drain_is_over() {
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let options = ProxyOptions { drain_timeout: Duration::from_millis(100), ..options() };
    let mut server = TestServer::with(options, waiting(&begun, &gate));
    let mut client = server.client().await;
    client.send("GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;
    server.stop();
    assert_eq!(client.rest().await, "");
    let told = server.told(1).await;
    assert_eq!((told[0].status, told[0].ending), (None, Ending::ClientGone));
    server.stopped().await;
}

#[tokio::test]
async fn more_connections_than_the_cap_wait_for_their_turn() {
    let options = ProxyOptions { connections_max: 2, ..options() };
    let server = TestServer::with(options, tell_target);
    let mut clients = Vec::new();
    for number in 0..6 {
        let mut client = server.client().await;
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        clients.push(client);
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        assert_eq!(client.reply().await.body, format!("/{number}"));
    }
    server.closed(6).await;
    assert_eq!(server.open_max(), 2);
}
