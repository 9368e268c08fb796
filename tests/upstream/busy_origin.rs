//! An origin that answers any number of requests in one way, which may change.

use crate::raw_origin::within;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// It gets this answer.
    Answer(&'static str),
    /// The connection is reset.
    Reset,
    /// Nothing.
    Hang,
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    Open,
    /// Closed at once.
    Closes,
    /// Closed where no other request comes within that time.
    OpenFor(Duration),
}

pub(crate) const OK: Does = Does::Answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

pub(crate) struct BusyOrigin {
    url: String,
    does: Arc<Mutex<Does>>,
    requests: Arc<AtomicUsize>,
}

impl BusyOrigin {
    pub(crate) async fn start(does: Does, keeps: Keeps) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (does, requests) = (Arc::new(Mutex::new(does)), Arc::new(AtomicUsize::new(0)));
        tokio::spawn({
            let (does, requests) = (Arc::clone(&does), Arc::clone(&requests));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&does), Arc::clone(&requests), keeps));
                }
            }
        });
        Self { url, does, requests }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn now_does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    /// How many requests it has read.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, does: Arc<Mutex<Does>>, requests: Arc<AtomicUsize>, keeps: Keeps) {
    let mut read = Vec::new();
    loop {
        let request = next_request(&mut stream, &mut read);
        let got = match keeps {
            Keeps::OpenFor(time) => tokio::time::timeout(time, request).await.unwrap_or(None),
            Keeps::Open | Keeps::Closes => request.await,
        };
        if got.is_none() {
            return;
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let does = *does.lock().unwrap();
        match does {
            Does::Answer(answer) => {
                if stream.write_all(answer.as_bytes()).await.is_err() || keeps == Keeps::Closes {
                    return;
                }
            }
            Does::Reset => return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap(),
            Does::Hang => drop(stream.read_to_end(&mut read).await),
        }
    }
}

/// Reads a request to the end of its body; none where the connection ends.
async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if read.len() >= whole {
                read.drain(..whole);
                return Some(());
            }
        }
        if within(stream.read_buf(read)).await.ok()? == 0 {
            return None;
        }
    }
}
