//! An origin that plays a script and remembers every request.

use super::deadline::within;
use super::reply::{End, Reply, reply};
use super::wire::{Framing, Head, Piece, Wire};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A request as the origin saw it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// All lines.
    pub head: Head,
    /// As much of the body as has come.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<(String, String)>,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Seen {
    /// The value of the first line of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

type Script = Arc<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    scripts: Mutex<HashMap<String, Script>>,
    seen: Mutex<Vec<Seen>>,
    /// How many of them named each path.
    counts: Mutex<HashMap<String, usize>>,
    changed: watch::Sender<u64>,
}

/// An origin on a free port. Dropping it leaves its connections to end with the test.
#[derive(Clone)]
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

impl Origin {
    /// Starts an origin without a script: it answers 599 to everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let origin = Self { address: listener.local_addr().expect("a bound socket"), state: Arc::default() };
        let state = origin.state.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(Wire::new(stream), connection, state.clone()));
            }
        });
        origin
    }

    /// Answers every request for this path so.
    pub fn on(&self, path: &str, answer: Reply) {
        self.on_request(path, move |_| answer.clone());
    }

    /// Answers the requests for this path one after another so; the last answer stays.
    pub fn on_each<const N: usize>(&self, path: &str, answers: [Reply; N]) {
        let script: Script = Arc::new(move |_, nth| answers[nth.min(N - 1)].clone());
        self.set(path, script);
    }

    /// Answers every request for this path as `answer` says.
    pub fn on_request(&self, path: &str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        self.set(path, Arc::new(move |seen, _| answer(seen)));
    }

    fn set(&self, path: &str, script: Script) {
        lock(&self.state.scripts).insert(path.to_owned(), script);
    }

    /// The requests for this path so far.
    #[must_use]
    pub fn requests(&self, path: &str) -> Vec<Seen> {
        lock(&self.state.seen).iter().filter(|seen| seen.path() == path).cloned().collect()
    }

    /// Every request so far.
    #[must_use]
    pub fn all_requests(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// The only request for this path.
    #[track_caller]
    #[must_use]
    pub fn only_request(&self, path: &str) -> Seen {
        self.saw(path, 1);
        self.requests(path).remove(0)
    }

    /// Checks how many requests for this path came.
    #[track_caller]
    pub fn saw(&self, path: &str, count: usize) {
        let requests = self.requests(path);
        assert_eq!(requests.len(), count, "requests for {path} at the origin: {requests:#?}");
    }

    /// Waits until so many requests for this path have come.
    pub async fn requested(&self, path: &str, count: usize) {
        self.until(format!("{count} requests for {path}"), |all| {
            all.iter().filter(|seen| seen.path() == path).count() >= count
        })
        .await;
    }

    /// Waits until the requests so far are as `holds` wants them.
    pub async fn until(&self, what: impl std::fmt::Display, holds: impl Fn(&[Seen]) -> bool) {
        let mut changed = self.state.changed.subscribe();
        let arrived = changed.wait_for(|_| holds(&lock(&self.state.seen)));
        within(what, arrived).await.expect("the origin holds its own sender");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut wire: Wire, connection: usize, state: Arc<State>) {
    while let Some(head) = wire.head().await {
        let mut words = head.first_line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let seen = Seen { method, target, head, connection, ..Seen::default() };
        let (index, answer) = record(&state, seen);
        let Some(seen) = receive_body(&mut wire, index, &state).await else { return };
        match answer.play(&mut wire, &seen).await {
            Ok(End::KeepAlive) => {}
            Ok(End::Close | End::Cut) | Err(_) => return,
            Ok(End::Reset) => return wire.reset(),
            Ok(End::Echo) => {
                while let Some(bytes) = wire.bytes().await {
                    if wire.write(&bytes).await.is_err() {
                        return;
                    }
                }
                return;
            }
        }
    }
}

/// Notes a request and finds the script's answer to it.
fn record(state: &State, seen: Seen) -> (usize, Reply) {
    let script = lock(&state.scripts).get(seen.path()).cloned();
    let mut all = lock(&state.seen);
    let nth = {
        let mut counts = lock(&state.counts);
        let count = counts.entry(seen.path().to_owned()).or_default();
        *count += 1;
        *count - 1
    };
    let answer = script.map_or_else(|| reply(599).body("no script for this path"), |script| script(&seen, nth));
    all.push(seen);
    let index = all.len() - 1;
    drop(all);
    state.changed.send_modify(|version| *version += 1);
    (index, answer)
}

/// Reads the request's body into its record; `None` if the client cut it short.
async fn receive_body(wire: &mut Wire, index: usize, state: &State) -> Option<Seen> {
    let mut seen = lock(&state.seen)[index].clone();
    let mut framing = match (seen.value("Transfer-Encoding"), seen.value("Content-Length")) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(length)) => Framing::Length(length.parse().expect("a proxy sends a valid Content-Length")),
        (None, None) => Framing::Length(0),
    };
    if seen.value("Expect").is_some() {
        wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    loop {
        match wire.piece(&mut framing).await {
            Piece::Data(bytes) => seen.body.extend_from_slice(&bytes),
            Piece::End(trailers) => {
                seen.trailers = trailers;
                lock(&state.seen)[index] = seen.clone();
                return Some(seen);
            }
            Piece::Cut => return None,
        }
        lock(&state.seen)[index] = seen.clone();
        state.changed.send_modify(|version| *version += 1);
    }
}
