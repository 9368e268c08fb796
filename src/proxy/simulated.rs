//! A connection in memory, with chosen sizes of what is read and written at once: for tests, and for fuzzing.

use super::connection::serve;
use super::entrance::Entrance;
use super::options::ProxyOptions;
use super::server::Server;
use super::socket::{ConnectionFacts, Socket};
use crate::engine::origin::{Body, empty_body};
use crate::engine::outcome::{Decision, Outcome};
use crate::engine::{Answer, Failure, Handler, RequestContext};
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(20);

impl Socket for DuplexStream {}

/// A request as the handler got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Method and target.
    pub(super) asked: String,
    /// Its body; `None` if that broke off or was not waited for.
    pub(super) body: Option<Vec<u8>>,
}

/// Says back what it was asked: method, target and body. A path decides how: `/early` does not wait for the body.
#[derive(Debug, Default)]
struct Echo(Mutex<Vec<Seen>>);

impl Echo {
    fn note(&self, change: impl FnOnce(&mut Vec<Seen>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Handler for Echo {
    async fn handle(self: &Arc<Self>, request: Request<Body>, _context: RequestContext) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        self.note(|all| all.push(Seen { asked: asked.clone(), body: None }));
        let is_early = request.uri().path() == "/early";
        let body = if is_early { empty_body() } else { request.into_body() };
        let reply = match body.collect().await {
            Ok(body) => {
                let body = body.to_bytes();
                let said = Full::new(Bytes::from([asked.as_bytes(), b" ", &body].concat()));
                self.note(|all| all.last_mut().into_iter().for_each(|seen| seen.body = Some(body.to_vec())));
                Ok(Response::new(said.map_err(|never| match never {}).boxed_unsync()))
            }
            Err(cause) => {
                Err(Failure { cause: Some(cause), ..Failure::of(StatusCode::BAD_REQUEST, Reason::ClientBody) })
            }
        };
        let decision = Decision {
            outcome: Outcome::Pass,
            reason: Reason::NoRoute,
            route: None,
            cache_status: None,
            storing: None,
        };
        Answer { reply, decision }
    }
}

/// What the simulated server is set up with.
pub(super) fn options() -> ProxyOptions {
    ProxyOptions {
        listeners: Vec::new(),
        entrance: Entrance::default(),
        header_bytes_max: 1024,
        headers_max: 16,
        uri_bytes_max: 256,
        connections_max: 1,
        header_read_timeout: LONG,
        idle_timeout: LONG,
        drain_delay: Duration::ZERO,
        drain_timeout: LONG,
        stall_timeout: LONG,
    }
}

/// What the client does once it has sent everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It waits until the server ends the connection.
    #[cfg_attr(fuzzing, expect(dead_code, reason = "only tests wait"))]
    Waits,
    /// It ends its own side, and reads on.
    EndsItsSide,
    /// It is gone.
    Leaves,
}

/// What came of a connection.
#[derive(Debug)]
pub(super) struct Conversed {
    /// All that the client has read.
    #[cfg_attr(fuzzing, expect(dead_code, reason = "only tests look at it"))]
    pub(super) answered: Vec<u8>,
    /// The requests that the handler got.
    pub(super) seen: Vec<Seen>,
}

/// Has a client send these pieces, over a connection that holds so many bytes each way.
///
/// # Panics
/// Where the connection does not end, or its task panics.
pub(super) async fn converse(pieces: &[&[u8]], pipe_bytes: usize, then: Then) -> Conversed {
    let (mut client, socket) = tokio::io::duplex(pipe_bytes);
    let handler = Arc::new(Echo::default());
    let server = Arc::new(Server::new(Arc::clone(&handler), options(), Arc::new([])));
    let conversation = server.conversation();
    let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
    let facts = ConnectionFacts { peer, scheme: Scheme::HTTP, tls: None, place: None };
    let serving = tokio::spawn(serve(server, socket, facts, conversation));
    let (mut read, mut write) = tokio::io::split(&mut client);
    let sending = async {
        for piece in pieces {
            // The server may have closed already; what it answered is still read.
            if write.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if then == Then::EndsItsSide {
            let _ = write.shutdown().await;
        }
    };
    let mut answered = Vec::new();
    let talking = async {
        if then == Then::Leaves {
            tokio::select! {
                biased;
                () = sending => {}
                // Reading keeps the server going; an error is the end.
                _ = read.read_to_end(&mut answered) => {}
            }
        } else {
            let _ = tokio::join!(sending, read.read_to_end(&mut answered));
        }
    };
    tokio::time::timeout(LONG / 2, talking).await.expect("the connection ends by itself");
    drop(client);
    tokio::time::timeout(LONG / 2, serving).await.expect("its task ends").expect("it does not panic");
    let seen = std::mem::take(&mut *handler.0.lock().unwrap_or_else(PoisonError::into_inner));
    Conversed { answered, seen }
}

/// Checks that the handler got what `stream` says, in order, and nothing else.
///
/// # Panics
/// Where it got something else.
pub(super) fn check_seen(stream: &[u8], conversed: &Conversed) {
    let said = super::http1::messages::said(stream, &options());
    assert!(conversed.seen.len() <= said.len(), "{conversed:?} of {said:?}");
    for (seen, (asked, body)) in conversed.seen.iter().zip(&said) {
        assert_eq!(seen.asked, *asked, "{conversed:?} of {said:?}");
        let got = seen.body.as_ref().filter(|_| !seen.asked.ends_with(" /early"));
        assert!(got.is_none_or(|got| Some(got) == body.as_ref()), "{conversed:?} of {said:?}");
    }
}
