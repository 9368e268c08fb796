//! HTTP/1.1 as it stands on the wire: heads line by line, bodies piece by piece. Knows no semantics.

use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A head as it came: its first line, and its field lines in order with their letter case.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Request line or status line.
    pub first_line: String,
    /// Name and value of each line.
    pub lines: Vec<(String, String)>,
}

impl Head {
    /// The values of all lines of this name, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.lines.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of the first line of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().copied()
    }
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Some bytes.
    Data(Vec<u8>),
    /// The end, with the trailers.
    End(Vec<(String, String)>),
    /// The connection ended before the body did.
    Cut,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    /// Over this stream.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a fresh socket takes its options");
        Self { stream, buffer: Vec::new() }
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more will be written.
    pub async fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("an open socket takes its options");
    }

    /// Reads a head; `None` if the connection ends first.
    pub async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let text: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Some(parse_head(&text));
            }
            self.fill().await?;
        }
    }

    /// Reads whatever comes next; none at the end.
    pub async fn bytes(&mut self) -> Option<Vec<u8>> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Some(std::mem::take(&mut self.buffer))
    }

    /// Reads the next piece of a body. `framing` holds what is left of it.
    pub async fn piece(&mut self, framing: &mut Framing) -> Piece {
        match framing {
            Framing::Length(0) => Piece::End(Vec::new()),
            Framing::Length(left) => {
                let Some(mut bytes) = self.bytes().await else { return Piece::Cut };
                let take = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                self.buffer = bytes.split_off(take);
                *left -= take as u64;
                Piece::Data(bytes)
            }
            Framing::Chunked => self.chunk().await,
            Framing::UntilClose => self.bytes().await.map_or_else(|| Piece::End(Vec::new()), Piece::Data),
        }
    }

    async fn chunk(&mut self) -> Piece {
        let Some(line) = self.line().await else { return Piece::Cut };
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        if size == 0 {
            let mut trailers = Vec::new();
            loop {
                match self.line().await {
                    None => return Piece::Cut,
                    Some(line) if line.is_empty() => return Piece::End(trailers),
                    Some(line) => trailers.push(split_line(&line)),
                }
            }
        }
        while self.buffer.len() < size + 2 {
            if self.fill().await.is_none() {
                return Piece::Cut;
            }
        }
        let data = self.buffer.drain(..size).collect();
        self.buffer.drain(..2);
        Piece::Data(data)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.fill().await?;
        }
    }

    /// Reads more into the buffer; none at the end or on a failure, which are the same to a peer.
    async fn fill(&mut self) -> Option<()> {
        self.buffer.reserve(16 * 1024);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn parse_head(bytes: &[u8]) -> Head {
    // Bytes above ASCII stand for themselves, one character each, so that nothing is lost in the comparison.
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let first_line = lines.next().unwrap_or_default().to_owned();
    Head { first_line, lines: lines.map(split_line).collect() }
}

fn split_line(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}
