//! A client of HTTP/2 that is well-behaved, and shows what the library of most others hides.

use crate::support::deadline::within;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use tokio::net::TcpStream;

/// A connection.
pub(super) struct Client(SendRequest<Bytes>);

/// A request that was sent.
pub(super) struct Asked {
    answer: ResponseFuture,
    /// Its body, where one is still to come.
    pub(super) body: SendStream<Bytes>,
}

impl Client {
    /// Connects, and waits for the server's settings.
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with_window(address, 65_535).await
    }

    /// Connects, and says that each stream's window is `window` bytes at first.
    pub(super) async fn connect_with_window(address: SocketAddr, window: u32) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.expect("the listener accepts");
        let mut builder = h2::client::Builder::new();
        let handshake = within("the handshake", builder.initial_window_size(window).handshake(stream)).await;
        let (sender, mut connection) = handshake.expect("the server speaks HTTP/2");
        let mut pings = connection.ping_pong().expect("nobody has taken it");
        tokio::spawn(connection);
        within("a pong", pings.ping(h2::Ping::opaque())).await.expect("the connection lasts");
        Self(sender)
    }

    /// Whether the server offers the extended CONNECT: RFC 8441 section 3.
    pub(super) fn is_extended_connect_offered(&self) -> bool {
        self.0.is_extended_connect_protocol_enabled()
    }

    /// Sends a request.
    pub(super) async fn send(&self, request: Request<()>, ends: bool) -> Asked {
        let ready = within("room for a request", self.0.clone().ready()).await;
        let mut sender = ready.expect("the connection lasts");
        let (answer, body) = sender.send_request(request, ends).expect("it is a request");
        Asked { answer, body }
    }

    /// Sends a GET for a path, and waits for the head of the answer.
    pub(super) async fn get(&self, path: &str) -> Response<RecvStream> {
        self.send(get(path), true).await.head().await
    }
}

/// A GET for this path.
pub(super) fn get(path: &str) -> Request<()> {
    Request::builder().uri(format!("http://shop.test{path}")).body(()).expect("it is a request")
}

/// A POST for this path.
pub(super) fn post(path: &str) -> Request<()> {
    let mut request = get(path);
    *request.method_mut() = http::Method::POST;
    request
}

impl Asked {
    /// The head of the answer, and the way of the request's body, which goes on.
    pub(super) async fn both(self) -> (Response<RecvStream>, SendStream<Bytes>) {
        let answer = within("the answer", self.answer).await.expect("the stream is answered");
        (answer, self.body)
    }

    /// The next interim response.
    pub(super) async fn interim(&mut self) -> Response<()> {
        let interim = within("an interim response", poll_fn(|cx| self.answer.poll_informational(cx))).await;
        interim.expect("one comes").expect("the stream lasts")
    }

    /// The head of the answer, or the interim response that comes before it.
    pub(super) async fn next(&mut self) -> Result<Response<RecvStream>, Response<()>> {
        poll_fn(|cx| {
            if let Poll::Ready(Some(Ok(interim))) = self.answer.poll_informational(cx) {
                return Poll::Ready(Err(interim));
            }
            Pin::new(&mut self.answer).poll(cx).map(|answer| Ok(answer.expect("the stream is answered")))
        })
        .await
    }

    /// The head of the answer, where no interim response comes before it.
    pub(super) async fn head(self) -> Response<RecvStream> {
        self.try_head().await.expect("the stream is answered")
    }

    /// The head of the answer, or why there is none.
    pub(super) async fn try_head(mut self) -> Result<Response<RecvStream>, h2::Error> {
        let head = poll_fn(|cx| {
            if let Poll::Ready(Some(interim)) = self.answer.poll_informational(cx) {
                panic!("an interim response comes: {interim:?}");
            }
            Pin::new(&mut self.answer).poll(cx)
        });
        within("the answer", head).await
    }
}

/// The rest of a body, with its trailers.
pub(super) async fn rest(body: &mut RecvStream) -> (String, Option<HeaderMap>) {
    let mut text = Vec::new();
    while let Some(data) = within("a piece of the body", body.data()).await {
        let data = data.expect("the body is whole");
        body.flow_control().release_capacity(data.len()).expect("it was held");
        text.extend_from_slice(&data);
    }
    let trailers = within("the end of the body", body.trailers()).await.expect("the body is whole");
    (String::from_utf8(text).expect("the body is text"), trailers)
}
