//! An origin of HTTP/2 with prior knowledge that hands each request to the test.

use super::deadline::within;
use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The origin.
pub struct H2Origin {
    /// Where it listens.
    pub address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Asked>,
}

/// One request.
pub struct Asked {
    /// On which connection it came, counted from 0.
    pub connection: usize,
    /// Its head, and its body as it comes.
    pub request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
}

impl H2Origin {
    /// One that allows so many requests at a time on a connection.
    pub async fn start(streams_max: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, connection) = (sender.clone(), number);
                number += 1;
                tokio::spawn(async move {
                    let mut builder = Builder::new();
                    let Ok(mut streams) = builder.max_concurrent_streams(streams_max).handshake(stream).await else {
                        return;
                    };
                    while let Some(Ok((request, respond))) = streams.accept().await {
                        let _ = sender.send(Asked { connection, request, respond });
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// The next request.
    pub async fn next(&mut self) -> Asked {
        within("a request", self.requests.recv()).await.expect("the origin listens")
    }
}

impl Asked {
    /// Reads the body to its end, and the trailers.
    pub async fn body(&mut self) -> (String, Option<HeaderMap>) {
        let body = self.request.body_mut();
        let mut text = Vec::new();
        while let Some(data) = within("a piece of the body", body.data()).await {
            let data = data.expect("the body goes on");
            body.flow_control().release_capacity(data.len()).expect("so much was taken");
            text.extend_from_slice(&data);
        }
        let trailers = within("the trailers", body.trailers()).await.expect("the body ends in order");
        (String::from_utf8(text).expect("these bodies are text"), trailers)
    }

    /// Sends an interim response.
    pub fn interim(&mut self, response: Response<()>) {
        self.respond.send_informational(response).expect("the stream is open");
    }

    /// Sends the head of an answer; the body follows.
    pub fn begin(mut self, response: Response<()>) -> SendStream<Bytes> {
        self.respond.send_response(response, false).expect("the stream is open")
    }

    /// Sends the head of an answer while the request's body is under way.
    pub fn into_parts(mut self, response: Response<()>) -> (SendStream<Bytes>, RecvStream) {
        let stream = self.respond.send_response(response, false).expect("the stream is open");
        (stream, self.request.into_body())
    }

    /// Answers with a head and nothing else.
    pub fn head_only(mut self, response: Response<()>) {
        self.respond.send_response(response, true).expect("the stream is open");
    }

    /// Answers with 200 and a body.
    pub fn answer(self, body: &str) {
        let mut stream = self.begin(Response::new(()));
        stream.send_data(Bytes::from(body.to_owned()), true).expect("the stream is open");
    }

    /// Ends the stream without an answer.
    pub fn reset(mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }
}
