//! An HTTP/2 client, or the server's end, that sends its frames one by one, so that it can misbehave: RFC 9113 section 4.

use super::deadline::within;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The types of frames that these tests name.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    pub const END_STREAM: u8 = 1;
    pub const ACK: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub struct Frames {
    stream: TcpStream,
    host: String,
}

impl Frames {
    /// Connects and says that each stream's window is `window` bytes at first.
    pub async fn connect(address: SocketAddr, window: u32) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.expect("the listener accepts");
        stream.set_nodelay(true).expect("a fresh socket takes its options");
        let mut frames = Self { stream, host: address.to_string() };
        frames.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let initial_window = [&[0, 4][..], &window.to_be_bytes()].concat();
        frames.send(kind::SETTINGS, 0, 0, &initial_window).await;
        frames
    }

    /// The server's end of a connection: reads what clients begin with, and sends settings with these entries.
    pub async fn accept(stream: TcpStream, settings: &[u8]) -> Self {
        let mut frames = Self { stream, host: String::new() };
        let mut preface = [0; 24];
        within("the preface", frames.stream.read_exact(&mut preface)).await.expect("a client of HTTP/2 sends it");
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames.send(kind::SETTINGS, 0, 0, settings).await;
        frames
    }

    /// Sends bytes as they are. A peer that has closed already is no failure.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends a frame; whether the connection still took it.
    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.send_bytes(&[&head, payload].concat()).await
    }

    /// Opens a stream with a GET.
    pub async fn get(&mut self, stream: u32, path: &str) -> bool {
        let fields = self.fields("GET", path);
        self.send(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &fields).await
    }

    /// Opens a stream with a POST whose body is still to come.
    pub async fn post(&mut self, stream: u32, path: &str) -> bool {
        let fields = self.fields("POST", path);
        self.send(kind::HEADERS, flag::END_HEADERS, stream, &fields).await
    }

    /// The fields of a request as HPACK has them, each written out.
    #[must_use]
    pub fn fields(&self, method: &str, path: &str) -> Vec<u8> {
        let mut fields = vec![if method == "POST" { 0x83 } else { 0x82 }, 0x86];
        for (name, value) in [(0x04, path), (0x01, &self.host)] {
            fields.extend([name, u8::try_from(value.len()).expect("it is short")]);
            fields.extend(value.as_bytes());
        }
        fields
    }

    /// Lets a stream, or with 0 the connection, send so many bytes more.
    pub async fn open_window(&mut self, stream: u32, bytes: u32) -> bool {
        self.send(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes()).await
    }

    /// The next frame; none at the end. Settings and pings are answered on the way.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = read(&mut self.stream).await?;
        if matches!(frame.kind, kind::SETTINGS | kind::PING) && frame.flags & flag::ACK == 0 {
            let payload = if frame.kind == kind::PING { frame.payload.clone() } else { Vec::new() };
            self.send(frame.kind, flag::ACK, 0, &payload).await;
        }
        Some(frame)
    }

    /// Both directions apart, for a client that reads and writes at once.
    #[must_use]
    pub fn split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.stream.into_split()
    }

    /// Waits for the next frame of this kind; `None` if the connection ends first.
    pub async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        let waiting = async {
            loop {
                match self.next().await {
                    Some(frame) if frame.kind != kind => {}
                    found => return found,
                }
            }
        };
        within(format_args!("a frame of kind {kind}"), waiting).await
    }

    /// Reads frames until the connection ends.
    pub async fn ended(&mut self) {
        within("the connection's end", async { while self.next().await.is_some() {} }).await;
    }
}

/// The next frame; none at the end.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).expect("a frame is short")];
    stream.read_exact(&mut payload).await.ok()?;
    let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}
