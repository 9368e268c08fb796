//! A client that reads answers as they come.

use super::deadline::within;
use super::expect::{Ending, Response};
use super::request::Request;
use super::wire::{Framing, Head, Piece, Wire};
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream};

/// A connection with at most one request under way.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    asked: String,
    method: String,
    interim: Vec<Head>,
    head: Option<Head>,
    framing: Framing,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.expect("the listener accepts");
        Self::over(stream)
    }

    /// Connects from another address of this machine, such as `127.0.0.2`.
    pub async fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a process may open sockets");
        socket.bind(SocketAddr::new(source, 0)).expect("loopback is all of 127.0.0.0/8");
        Self::over(within("a connection", socket.connect(address)).await.expect("the listener accepts"))
    }

    fn over(stream: TcpStream) -> Self {
        Self {
            wire: Wire::new(stream),
            asked: String::new(),
            method: String::new(),
            interim: Vec::new(),
            head: None,
            framing: Framing::Length(0),
            body: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Sends a request.
    pub async fn send(&mut self, request: &Request) {
        self.asked = format!("{} {}", request.method, request.target);
        self.method.clone_from(&request.method);
        self.send_raw(&request.to_bytes()).await;
    }

    /// Sends bytes as they are. A peer that has closed already is no failure: its answer may still be there to read.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.wire.write(bytes).await.ok();
    }

    /// Says that nothing more will be sent.
    pub async fn finish_writing(&mut self) {
        self.wire.finish_writing().await.ok();
    }

    /// Waits for the head of the answer; interim ones are kept apart.
    pub async fn head(&mut self) -> &Head {
        while self.head.is_none() {
            let head = within(format_args!("the head of {}", self.asked), self.wire.head()).await;
            let head = head.unwrap_or_else(|| panic!("{}: the connection ended before a head", self.asked));
            self.take_head(head);
        }
        self.head.as_ref().expect("the loop ends with a head")
    }

    fn take_head(&mut self, head: Head) {
        let status = status_of(&head);
        if (100..200).contains(&status) && status != 101 {
            self.interim.push(head);
            return;
        }
        self.framing = if self.method == "HEAD" || matches!(status, 101 | 204 | 304) {
            Framing::Length(0)
        } else if head.value("Transfer-Encoding").is_some() {
            Framing::Chunked
        } else {
            head.value("Content-Length").map_or(Framing::UntilClose, |length| {
                Framing::Length(length.parse().unwrap_or_else(|_| panic!("no Content-Length: {length:?}")))
            })
        };
        self.head = Some(head);
    }

    /// Waits for the next interim head.
    pub async fn interim(&mut self) -> Head {
        let head = within(format_args!("an interim answer to {}", self.asked), self.wire.head()).await;
        head.unwrap_or_else(|| panic!("{}: the connection ended before an interim head", self.asked))
    }

    /// Waits until the body so far is this.
    pub async fn body_so_far(&mut self, expected: &str) {
        self.head().await;
        while self.body.len() < expected.len() {
            let what = format!("{expected:?} of {}, so far {:?}", self.asked, String::from_utf8_lossy(&self.body));
            match within(what, self.wire.piece(&mut self.framing)).await {
                Piece::Data(bytes) => self.body.extend_from_slice(&bytes),
                other => panic!("{}: the body ended before {expected:?}: {other:?}", self.asked),
            }
        }
        assert_eq!(String::from_utf8_lossy(&self.body), expected, "{}", self.asked);
    }

    /// Waits for the whole answer. The connection can take the next request.
    pub async fn response(&mut self) -> Response {
        self.head().await;
        let ending = loop {
            match within(format_args!("the body of {}", self.asked), self.wire.piece(&mut self.framing)).await {
                Piece::Data(bytes) => self.body.extend_from_slice(&bytes),
                Piece::End(trailers) => {
                    self.trailers = trailers;
                    break Ending::Complete;
                }
                Piece::Cut => break Ending::Truncated,
            }
        };
        let head = self.head.take().expect("waited for above");
        Response {
            asked: self.asked.clone(),
            interim: std::mem::take(&mut self.interim),
            status: status_of(&head),
            head,
            body: std::mem::take(&mut self.body),
            trailers: std::mem::take(&mut self.trailers),
            ending,
        }
    }

    /// Waits for whatever bytes come next; none at the connection's end.
    pub async fn bytes(&mut self) -> Option<Vec<u8>> {
        within(format_args!("bytes after {}", self.asked), self.wire.bytes()).await
    }

    /// Waits for the connection's end, and checks that nothing comes before it.
    pub async fn closed(&mut self) {
        let rest = self.bytes().await;
        let text = rest.as_deref().map(String::from_utf8_lossy);
        assert!(rest.is_none(), "{}: more came before the end: {text:?}", self.asked);
    }

    /// Goes away without a word.
    pub fn reset(self) {
        self.wire.reset();
    }
}

fn status_of(head: &Head) -> u16 {
    let code = head.first_line.split(' ').nth(1).and_then(|word| word.parse().ok());
    code.unwrap_or_else(|| panic!("no status line: {:?}", head.first_line))
}
