//! HTTP/2 with prior knowledge.

use crate::support::{TestServer, collect, options, soon, tell_target};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use larder::testing::proxy::Ending;
use std::net::SocketAddr;
use tokio::net::TcpStream;

pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let socket = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(sender: &SendRequest<Full<Bytes>>, method: Method, target: &str, body: &str) -> Response<Incoming> {
    let request = Request::builder().method(method).uri(format!("http://shop.example{target}"));
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
    soon("an answer comes", sender.clone().send_request(request)).await.unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn requests_and_bodies_go_both_ways() {
    let server = TestServer::start(|request| async move {
        assert_eq!(request.version(), Version::HTTP_2);
        if request.method() == Method::POST { collect(request).await } else { tell_target(request).await }
    });
    let sender = connect(server.address).await;
    let response = send(&sender, Method::GET, "/1", "").await;
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(response.headers()["via"], "1.1 larder");
    assert_eq!(text(response).await, "http://shop.example/1");
    assert_eq!(text(send(&sender, Method::POST, "/2", "hello").await).await, "hello");
    assert!(server.told(2).await.iter().all(|told| told.ending == Ending::Complete));
}

#[tokio::test]
async fn limits_hold_for_http_2_too() {
    let server = TestServer::start(tell_target);
    let sender = connect(server.address).await;
    let long = format!("/{}", "a".repeat(options().uri_bytes_max));
    let response = send(&sender, Method::GET, &long, "").await;
    assert_eq!(response.status(), StatusCode::URI_TOO_LONG);
    assert!(text(response).await.contains("target-too-long"));
    assert_eq!(server.seen(), [""; 0]);
    assert_eq!(send(&sender, Method::GET, "/next", "").await.status(), StatusCode::OK, "the connection goes on");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let options =
        larder::testing::proxy::ProxyOptions { idle_timeout: std::time::Duration::from_millis(100), ..options() };
    let server = TestServer::with(options, tell_target);
    let sender = connect(server.address).await;
    assert_eq!(send(&sender, Method::GET, "/1", "").await.status(), StatusCode::OK);
    assert_eq!(server.closed(1).await[0].requests, 1);
}

#[tokio::test]
async fn the_end_lets_streams_under_way_finish() {
    let mut server = TestServer::start(tell_target);
    let sender = connect(server.address).await;
    assert_eq!(send(&sender, Method::GET, "/1", "").await.status(), StatusCode::OK);
    server.stop();
    server.stopped().await;
}
