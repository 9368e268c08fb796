//! A change of protocols joins client and origin; what follows a declined one is the next request.

use crate::support::{TestServer, answer, full, options, soon, tell_target};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use larder::testing::engine::{Answer, Body, Client, Switched, UpgradeAbility};
use larder::testing::proxy::{ProxyOptions, WhyClosed};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An origin that switches to a protocol in which it says everything back.
async fn echo_origin() -> SocketAddr {
    echo_origin_that_says("welcome ").await
}

/// One that says this first.
async fn echo_origin_that_says(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_buf(&mut head).await.unwrap();
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let protocol = head.lines().find_map(|line| line.strip_prefix("upgrade: ")).unwrap();
        let switch = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\nConnection: upgrade\r\n\r\n");
        socket.write_all(format!("{switch}{greeting}").as_bytes()).await.unwrap();
        let (mut read, mut write) = socket.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    address
}

/// What the upstream client does: asks the origin, and hands on its 101 with its end of the connection.
async fn pass_upgrade(origin: SocketAddr, request: Request<Body>) -> Answer {
    if request.extensions().get::<Client>().unwrap().upgrade == UpgradeAbility::Unable {
        return tell_target(request).await;
    }
    let protocol = request.headers()["upgrade"].clone();
    let socket = TcpStream::connect(origin).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let asked = Request::builder().uri("/").header("host", "a").header("connection", "upgrade");
    let asked = asked.header("upgrade", protocol).body(Empty::<bytes::Bytes>::new()).unwrap();
    let mut response = sender.send_request(asked).await.unwrap();
    let end = hyper::upgrade::on(&mut response).await.unwrap();
    response.extensions_mut().insert(Switched::new(TokioIo::new(end), Vec::new()));
    answer(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

const ASK: &str = "GET /talk HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

#[tokio::test]
async fn an_upgrade_joins_both_ends() {
    let origin = echo_origin().await;
    let server = TestServer::start(move |request| pass_upgrade(origin, request));
    let mut client = server.client().await;
    client.send(format!("{ASK}not HTTP\n\0")).await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("upgrade: echo\r\n") && head.contains("connection: upgrade\r\n"), "{head}");
    client.until("welcome not HTTP\n\0").await;
    client.send("more").await;
    client.until("more").await;
    client.socket.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "");
    let told = server.told(1).await;
    assert_eq!((told[0].status, told[0].body_bytes), (Some(101), 22));
}

/// A text frame, as its echo comes back.
const FRAME: &str = "\u{1}\u{3}abc";

#[tokio::test]
async fn a_tunnel_goes_on_until_the_time_to_drain_is_over_and_a_websocket_is_told_between_two_frames() {
    for (protocol, sent, last) in [
        ("echo", FRAME, &b""[..]),
        ("websocket", FRAME, &b"\x88\x02\x03\xe9"[..]),
        ("WebSocket", "", &b"\x88\x02\x03\xe9"[..]),
        ("websocket", "\u{1}\u{3}ab", &b""[..]),
        ("websocket", "\u{8}\0", &b""[..]),
    ] {
        let origin = echo_origin_that_says("").await;
        let options = ProxyOptions { drain_timeout: Duration::from_millis(300), ..options() };
        let mut server = TestServer::with(options, move |request| pass_upgrade(origin, request));
        let mut client = server.client().await;
        client.send(ASK.replace("Upgrade: echo", &format!("Upgrade: {protocol}"))).await;
        client.until("\r\n\r\n").await;
        server.stop();
        let address = server.address;
        soon("nobody listens any more", async { while TcpStream::connect(address).await.is_ok() {} }).await;
        if !sent.is_empty() {
            client.send(sent).await;
            client.until(sent).await;
        }
        let told = client.bytes(last.len()).await;
        assert_eq!(told, last.iter().map(|byte| char::from(*byte)).collect::<String>(), "{protocol} after {sent:?}");
        assert_eq!(client.rest().await, "");
        server.stopped().await;
    }
}

#[tokio::test]
async fn what_follows_a_declined_upgrade_is_the_next_request() {
    let server = TestServer::start(tell_target);
    let mut client = server.client().await;
    client.send(format!("{ASK}GET /next HTTP/1.1\r\nHost: a\r\n\r\nGET /bad HTTP/1.1\nHost: a\n\n")).await;
    assert_eq!(client.reply().await.body, "/talk");
    assert_eq!(client.reply().await.body, "/next");
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.reason().as_str()), (400, "bare-line-feed"), "the guard is still there");
    assert_eq!(server.seen(), ["GET /talk", "GET /next"]);
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_an_ordinary_request() {
    let origin = echo_origin().await;
    let server = TestServer::start(move |request| pass_upgrade(origin, request));
    let mut client = server.client().await;
    let fields = "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    client.send(format!("GET /1 HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await;
    assert_eq!(client.reply().await.body, "/1");
}

#[tokio::test]
async fn a_change_of_protocols_that_nobody_asked_for_is_an_invalid_answer() {
    let switch =
        |_| async { answer(Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).body(full("")).unwrap()) };
    let server = TestServer::start(switch);
    for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", ASK] {
        let mut client = server.client().await;
        client.send(request).await;
        let reply = soon("an answer comes", client.reply()).await;
        assert_eq!((reply.status, reply.reason().as_str()), (502, "upstream-invalid"));
    }
}

#[tokio::test]
async fn a_tunnel_makes_no_room_however_quiet_it_is() {
    let origin = echo_origin().await;
    let options = ProxyOptions { connections_max: 1, ..options() };
    let server = TestServer::with(options, move |request| pass_upgrade(origin, request));
    let mut tunnel = server.client().await;
    tunnel.send(ASK).await;
    tunnel.until("welcome ").await;
    let mut new = server.client().await;
    new.send("GET /new HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.full().await;
    tunnel.send("more").await;
    tunnel.until("more").await;
    drop(tunnel);
    assert_eq!(new.reply().await.body, "/new");
    assert_eq!(server.closed(1).await[0].why, WhyClosed::Ordinary);
}
