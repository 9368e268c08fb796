//! Whole connections over a pipe in memory: however bytes are split or damaged.

use super::*;
use crate::engine::origin::Body;
use crate::engine::outcome::{Decision, Outcome};
use crate::engine::{Answer, Failure, RequestContext};
use crate::proxy::ProxyOptions;
use crate::semantics::reason::Reason;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

/// Says back what it was asked: method, target and body.
struct Echo;

impl Handler for Echo {
    async fn handle(self: &Arc<Self>, request: Request<Body>, _context: RequestContext) -> Answer {
        let asked = format!("{} {} ", request.method(), request.uri());
        let reply = match request.into_body().collect().await {
            Ok(body) => {
                let said = [asked.as_bytes(), &body.to_bytes()].concat();
                let said = Full::new(Bytes::from(said)).map_err(|never| match never {}).boxed_unsync();
                Ok(Response::new(said))
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

fn options() -> ProxyOptions {
    let long = Duration::from_secs(20);
    ProxyOptions {
        listeners: Vec::new(),
        entrance: crate::proxy::entrance::Entrance::default(),
        header_bytes_max: 1024,
        headers_max: 16,
        uri_bytes_max: 256,
        connections_max: 1,
        header_read_timeout: long,
        idle_timeout: long,
        drain_delay: Duration::ZERO,
        drain_timeout: long,
        stall_timeout: long,
    }
}

/// What a client reads that sends these pieces on one connection and then nothing more, without what differs each time.
async fn converse_in(pieces: Vec<Vec<u8>>) -> String {
    let (mut client, socket) = tokio::io::duplex(256);
    let server = Arc::new(Server::new(Arc::new(Echo), options(), Arc::new([])));
    let conversation = server.conversation();
    let facts = ConnectionFacts { peer: "192.0.2.7:5000".parse().unwrap(), scheme: http::uri::Scheme::HTTP, tls: None };
    let serving = tokio::spawn(serve(server, socket, facts, conversation));
    let (mut read, mut write) = tokio::io::split(&mut client);
    let sending = async {
        for piece in pieces {
            // The server may have closed already; what it answered is still read.
            if write.write_all(&piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut answered = Vec::new();
    let reading = read.read_to_end(&mut answered);
    tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(sending, reading) })
        .await
        .expect("the connection ends by itself")
        .1
        .unwrap();
    drop(client);
    serving.await.unwrap();
    let text = String::from_utf8_lossy(&answered).into_owned();
    let differs = |line: &&str| !line.starts_with("date: ") && !line.starts_with("x-request-id: ");
    let same: Vec<&str> =
        text.split("\r\n").filter(differs).map(|line| line.split("\"request_id\"").next().unwrap()).collect();
    same.join("\r\n")
}

/// Streams that end the connection by themselves: with a request to close it, or one that is refused.
const STREAMS: [&str; 4] = [
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
     5;a=b\r\nhello\r\n4\r\n you\r\n0\r\nDigest: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET /2 HTTP/1.0\r\nHost: a\r\n\r\n",
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\nHost: a\r\n\r\n",
    "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
];

fn in_pieces(stream: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).chain([stream.len()]).collect();
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends).map(|(start, end)| stream[start..end].to_vec()).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_bytes_get_the_same_answers_however_they_are_split(
        which in 0..STREAMS.len(),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let stream = STREAMS[which].as_bytes();
        let (whole, split) = run(async {
            (converse_in(in_pieces(stream, &[])).await, converse_in(in_pieces(stream, &cuts)).await)
        });
        prop_assert!(whole.starts_with("HTTP/1.1 200 OK\r\n"), "{}", whole);
        prop_assert_eq!(split, whole);
    }

    #[test]
    fn no_client_input_panics_or_hangs_a_connection(
        which in 0..STREAMS.len(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
    ) {
        let mut stream = STREAMS[which].as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place % stream.len();
            stream[place] = byte;
        }
        let pieces = in_pieces(&stream, &cuts);
        run(async {
            let (mut client, socket) = tokio::io::duplex(256);
            let server = Arc::new(Server::new(Arc::new(Echo), options(), Arc::new([])));
            let conversation = server.conversation();
    let facts = ConnectionFacts { peer: "192.0.2.7:5000".parse().unwrap(), scheme: http::uri::Scheme::HTTP, tls: None };
    let serving = tokio::spawn(serve(server, socket, facts, conversation));
            let conversation = async {
                let (mut read, mut write) = tokio::io::split(&mut client);
                let mut discarded = Vec::new();
                let sending = async {
                    for piece in pieces {
                        let _ = write.write_all(&piece).await;
                    }
                    let _ = write.shutdown().await;
                };
                let _ = tokio::join!(sending, read.read_to_end(&mut discarded));
                drop(client);
                serving.await.unwrap();
            };
            tokio::time::timeout(Duration::from_secs(10), conversation).await.expect("the connection ends");
        });
    }
}
