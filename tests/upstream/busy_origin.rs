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
    state: Arc<State>,
}

struct State {
    does: Mutex<Does>,
    requests: AtomicUsize,
    /// What becomes of a request for `/healthz`.
    health: Mutex<Does>,
    checks: AtomicUsize,
    /// How many of them are under way, and have been at most.
    checks_at_once: AtomicUsize,
    checks_at_once_max: AtomicUsize,
    last_check: Mutex<String>,
}

impl BusyOrigin {
    pub(crate) async fn start(does: Does, keeps: Keeps) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let none = || AtomicUsize::new(0);
        let state = Arc::new(State {
            does: Mutex::new(does),
            requests: none(),
            health: Mutex::new(OK),
            checks: none(),
            checks_at_once: none(),
            checks_at_once_max: none(),
            last_check: Mutex::default(),
        });
        tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&state), keeps));
                }
            }
        });
        Self { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn now_does(&self, does: Does) {
        *self.state.does.lock().unwrap() = does;
    }

    /// How many requests it has read, those for `/healthz` aside.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// What becomes of requests for `/healthz` from now on.
    pub(crate) fn health_does(&self, does: Does) {
        *self.state.health.lock().unwrap() = does;
    }

    /// How many requests for `/healthz` it has read.
    pub(crate) fn checks(&self) -> usize {
        self.state.checks.load(Ordering::SeqCst)
    }

    /// How many of them were under way at once, at most.
    pub(crate) fn checks_at_once(&self) -> usize {
        self.state.checks_at_once_max.load(Ordering::SeqCst)
    }

    /// The head of the last of them, in lower case.
    pub(crate) fn last_check(&self) -> String {
        self.state.last_check.lock().unwrap().clone()
    }
}

impl State {
    /// What becomes of a request with this head.
    fn next(&self, head: String) -> Does {
        if !head.starts_with("get /healthz") {
            self.requests.fetch_add(1, Ordering::SeqCst);
            return *self.does.lock().unwrap();
        }
        self.checks.fetch_add(1, Ordering::SeqCst);
        let at_once = self.checks_at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.checks_at_once_max.fetch_max(at_once, Ordering::SeqCst);
        *self.last_check.lock().unwrap() = head;
        *self.health.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>, keeps: Keeps) {
    let mut read = Vec::new();
    loop {
        let request = next_request(&mut stream, &mut read);
        let got = match keeps {
            Keeps::OpenFor(time) => tokio::time::timeout(time, request).await.unwrap_or(None),
            Keeps::Open | Keeps::Closes => request.await,
        };
        let Some(head) = got else { return };
        let is_check = head.starts_with("get /healthz");
        let does = state.next(head);
        let goes_on = match does {
            Does::Answer(answer) => stream.write_all(answer.as_bytes()).await.is_ok() && keeps != Keeps::Closes,
            Does::Reset => {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                false
            }
            Does::Hang => stream.read_to_end(&mut read).await.is_ok(),
        };
        if is_check {
            state.checks_at_once.fetch_sub(1, Ordering::SeqCst);
        }
        if !goes_on {
            return;
        }
    }
}

/// Reads a request to the end of its body: its head in lower case; `None` if the connection ends.
async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if read.len() >= whole {
                read.drain(..whole);
                return Some(head);
            }
        }
        if within(stream.read_buf(read)).await.ok()? == 0 {
            return None;
        }
    }
}
