//! An origin that is scripted byte by byte, and requests to send it.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use larder::testing::engine::{Body, BodyError, Origin, OriginError};
use larder::testing::upstream::{ServerStats, UpstreamOptions, UpstreamPool};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// The deadline of every wait: reached only where a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a future, but not for ever.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("it happens before the deadline")
}

/// Waits until a condition holds, but not for ever.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A server of which the test writes every byte.
pub(crate) struct RawOrigin {
    listener: TcpListener,
    url: String,
}

impl RawOrigin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        Peer { stream, read: Vec::new() }
    }
}

/// A port that refuses every connection as long as the socket lives: bound, but not listening.
pub(crate) fn refusing_port() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

/// The origin's end of one connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    async fn fill(&mut self) {
        let got = within(self.stream.read_buf(&mut self.read)).await.unwrap();
        assert_ne!(got, 0, "the connection was closed after {:?}", String::from_utf8_lossy(&self.read));
    }

    /// Reads up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        loop {
            if end.is_empty() {
                return String::new();
            }
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end.as_bytes()) {
                let taken: Vec<u8> = self.read.drain(..at + end.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            self.fill().await;
        }
    }

    /// How many bytes have been read past what was asked for.
    pub(crate) fn leftover(&self) -> usize {
        self.read.len()
    }

    /// Reads one request's head.
    pub(crate) async fn head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    /// Reads until the client closes; whether that was in order does not matter.
    pub(crate) async fn rest(&mut self) -> String {
        let _ = within(self.stream.read_to_end(&mut self.read)).await;
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    pub(crate) async fn write(&mut self, text: &str) {
        within(self.stream.write_all(text.as_bytes())).await.unwrap();
    }

    /// Reads a request without a body and answers it with nothing but `200`.
    pub(crate) async fn answer(&mut self) -> String {
        let head = self.head().await;
        self.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        head
    }
}

/// Options that no test waits for.
pub(crate) fn options(servers: &[&str]) -> UpstreamOptions {
    UpstreamOptions {
        connect_timeout: DEADLINE,
        read_timeout: DEADLINE,
        idle_timeout: DEADLINE,
        idle_connections_max: 8,
        ..UpstreamOptions::of(servers.iter().map(|server| server.parse().unwrap()).collect())
    }
}

/// A pool and its upkeep.
pub(crate) fn running(options: UpstreamOptions) -> Arc<UpstreamPool> {
    let pool = UpstreamPool::new(options).unwrap();
    tokio::spawn(Arc::clone(&pool).maintain());
    pool
}

pub(crate) fn pool(servers: &[&str]) -> Arc<UpstreamPool> {
    running(options(servers))
}

/// The counters of the first server.
pub(crate) fn stats(pool: &UpstreamPool) -> ServerStats {
    pool.stats().remove(0)
}

/// Waits until a connection has come back to the pool.
pub(crate) async fn idle(pool: &UpstreamPool) {
    until(|| stats(pool).connections_idle == 1).await;
}

/// A body of these frames, of unknown length.
pub(crate) fn frames(frames: Vec<Result<Frame<Bytes>, BodyError>>) -> Body {
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

/// A body of unknown length that the test feeds.
pub(crate) fn fed_body() -> (mpsc::Sender<Result<Frame<Bytes>, BodyError>>, Body) {
    let (sender, mut receiver) = mpsc::channel(1);
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    (sender, StreamBody::new(stream).boxed_unsync())
}

pub(crate) fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

pub(crate) fn text(text: &'static str) -> Body {
    http_body_util::Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn request(method: &Method, fields: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri("/path?query").header("host", "shop.example");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

pub(crate) fn get() -> Request<Body> {
    request(&Method::GET, &[], empty())
}

/// On the terms that the request has in its extensions, if any.
pub(crate) async fn fetch(pool: &UpstreamPool, mut request: Request<Body>) -> Result<Response<Body>, OriginError> {
    let terms = request.extensions_mut().remove().unwrap_or_default();
    within(pool.fetch(request, terms)).await
}

/// The whole body as text.
pub(crate) async fn body(response: Response<Body>) -> Result<String, BodyError> {
    let bytes = within(response.into_body().collect()).await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}
