//! Clients that leave in the middle of a write: what the origin does all the same is invalidated all the same.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::{Barrier, Scenario, Setup, get, reply, request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const RULES: &str = r#"
    [[route]]
    path = "/p"
    ttl = "1m"
    purge_on_write = ["product"]
    [[route]]
    path = "/page"
    ttl = "1m"
    tags = ["product"]
"#;

/// A shop that holds one thing, which a `PUT /p` changes.
struct Shop {
    scenario: Scenario,
    is_changed: Arc<AtomicBool>,
    gate: Barrier,
}

/// How far the origin comes with a write before it waits for the gate; behind the gate lies the change.
#[derive(Debug, Clone, Copy)]
enum HeldAt {
    Head,
    Body,
}

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Leave {
    Close,
    HalfClose,
    Reset,
}

impl Leave {
    const ALL: [Self; 3] = [Self::Close, Self::HalfClose, Self::Reset];

    /// What is left of the client is to be kept: half of a connection is one.
    async fn now(self, mut client: Client) -> Option<Client> {
        match self {
            Self::Close => None,
            Self::HalfClose => {
                client.finish_writing().await;
                Some(client)
            }
            Self::Reset => {
                client.reset();
                None
            }
        }
    }
}

impl Shop {
    async fn open(held_at: HeldAt) -> Self {
        let scenario = Setup::rules(RULES).start().await;
        let (is_changed, gate) = (Arc::new(AtomicBool::new(false)), Barrier::new());
        for path in ["/p", "/page"] {
            let (is_changed, gate) = (Arc::clone(&is_changed), gate.clone());
            scenario.origin.on_request(path, move |seen| match (seen.method.as_str(), held_at) {
                ("PUT", HeldAt::Head) => reply(204).hold(&gate),
                ("PUT", HeldAt::Body) => reply(200).chunked().body("part").wait(&gate).body(" and the rest"),
                _ if is_changed.load(Ordering::SeqCst) => reply(200).body("new"),
                _ => reply(200).body("old"),
            });
            scenario.get(path).await.body("old");
            scenario.get(path).await.hit();
        }
        Self { scenario, is_changed, gate }
    }

    /// The origin makes the change and finishes its answer.
    fn change(&self) {
        self.is_changed.store(true, Ordering::SeqCst);
        self.gate.open();
    }

    /// Waits until nothing that was stored before the change is answered any more.
    async fn until_changed(&self, what: &str) {
        for path in ["/p", "/page"] {
            let what = format!("the new {path} after {what}");
            self.scenario.until(&what, &get(path), |answer| answer.text() == "new").await;
        }
    }
}

#[tokio::test]
async fn a_write_whose_client_leaves_before_the_answer_invalidates_when_it_is_done() {
    for leave in Leave::ALL {
        let shop = Shop::open(HeldAt::Head).await;
        let client = shop.scenario.begin(&request("PUT", "/p").body("x")).await;
        shop.gate.reached_by(1).await;
        let _rest = leave.now(client).await;
        shop.change();
        shop.until_changed(&format!("{leave:?}")).await;
    }
}

#[tokio::test]
async fn a_write_whose_client_leaves_within_the_answer_invalidates_when_it_is_done() {
    for leave in Leave::ALL {
        let shop = Shop::open(HeldAt::Body).await;
        let mut client = shop.scenario.begin(&request("PUT", "/p").body("x")).await;
        client.body_so_far("part").await;
        for path in ["/p", "/page"] {
            // Before the change, and after the head that told of success.
            shop.scenario.get(path).await.body("old");
        }
        let _rest = leave.now(client).await;
        shop.change();
        shop.until_changed(&format!("{leave:?}")).await;
    }
}

#[tokio::test]
async fn what_is_stored_between_the_head_and_the_end_of_a_writes_answer_does_not_outlive_it() {
    let shop = Shop::open(HeldAt::Body).await;
    let mut client = shop.scenario.begin(&request("PUT", "/p").body("x")).await;
    client.body_so_far("part").await;
    shop.scenario.get("/p").await.body("old");
    shop.change();
    client.response().await.body("part and the rest");
    for path in ["/p", "/page"] {
        shop.scenario.get(path).await.body("new");
    }
}

#[tokio::test]
async fn a_write_cut_short_within_its_body_counts_as_done_for_nobody_knows() {
    for leave in Leave::ALL {
        for framing in ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
            let shop = Shop::open(HeldAt::Head).await;
            let head = format!("PUT /p HTTP/1.1\r\nHost: shop.test\r\n{framing}");
            let client = shop.scenario.send_raw(head).await;
            let has_half = |all: &[crate::support::origin::Seen]| all.iter().any(|seen| seen.body == b"half");
            shop.scenario.origin.until("half of the body", has_half).await;
            shop.is_changed.store(true, Ordering::SeqCst);
            let _rest = leave.now(client).await;
            shop.until_changed(&format!("{leave:?} with {framing:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_write_without_an_answer_counts_as_done_and_one_that_was_refused_does_not() {
    let rows = [
        (reply(0).cut(), 502, false),
        (reply(0).reset(), 502, false),
        (reply(200).hold(&Barrier::new()), 504, false),
        (reply(409), 409, true),
        (reply(503), 503, true),
    ];
    for (answer, status, is_hit) in rows {
        let scenario = Setup::rules(RULES).upstream("read_timeout = \"1s\"").start().await;
        for path in ["/p", "/page"] {
            let answer = answer.clone();
            let reply_to = move |method: &str| if method == "PUT" { answer.clone() } else { reply(200).body("x") };
            scenario.origin.on_request(path, move |seen| reply_to(&seen.method));
            scenario.get(path).await.status(200);
            scenario.get(path).await.hit();
        }
        scenario.fetch(&request("PUT", "/p").body("x")).await.status(status);
        for path in ["/p", "/page"] {
            assert_eq!(scenario.get(path).await.is_hit(), is_hit, "{path} after {status}");
        }
    }
}

/// What an HTTP/2 client does.
#[derive(Debug, Clone, Copy)]
enum LeaveHttp2 {
    ResetTheStream,
    EndTheConnection,
}

#[tokio::test]
async fn over_http2_too_a_write_goes_on_without_its_client() {
    for held_at in [HeldAt::Head, HeldAt::Body] {
        for leave in [LeaveHttp2::ResetTheStream, LeaveHttp2::EndTheConnection] {
            let shop = Shop::open(held_at).await;
            let socket = tokio::net::TcpStream::connect(shop.scenario.running.data_address).await.unwrap();
            let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
            let (mut sender, connection) = within("the HTTP/2 handshake", handshake).await.unwrap();
            let connection = tokio::spawn(connection);
            let put = hyper::Request::put("http://shop.test/p").body(Full::new(Bytes::from("x"))).unwrap();
            let mut answer = Box::pin(sender.send_request(put));
            match held_at {
                HeldAt::Head => {
                    tokio::select! {
                        _ = &mut answer => panic!("the origin has not answered"),
                        () = shop.gate.reached_by(1) => {}
                    }
                }
                HeldAt::Body => {
                    let mut response = within("the head", &mut answer).await.unwrap();
                    within("a part", response.body_mut().frame()).await.unwrap().unwrap();
                    shop.scenario.get("/p").await.body("old");
                }
            }
            match leave {
                LeaveHttp2::ResetTheStream => drop(answer),
                LeaveHttp2::EndTheConnection => connection.abort(),
            }
            shop.change();
            shop.until_changed(&format!("{leave:?}")).await;
        }
    }
}

#[tokio::test]
async fn the_end_waits_for_a_write_without_its_client() {
    let Shop { scenario, is_changed, gate } = Shop::open(HeldAt::Head).await;
    let client = scenario.begin(&request("PUT", "/p").body("x")).await;
    gate.reached_by(1).await;
    client.reset();
    let (origin, running) = (scenario.origin.clone(), scenario.running);
    let stopping = tokio::spawn(running.stop());
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished(), "the write is under way");
    is_changed.store(true, Ordering::SeqCst);
    gate.open();
    within("the end", stopping).await.unwrap();
    origin.saw("/p", 2);
}
