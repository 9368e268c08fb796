//! The UDP port while another process takes this one's place, or when a service manager has opened it: no client is refused, and what
//! is under way ends where it began.

use super::client::{Certificates, Client, HOST, fields};
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::served::Served;
use crate::support::{Barrier, Setup, reply};
use serde_json::json;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::process::Command;

const NO_ERROR: u64 = 0x100;
const SOCKET: &str = "takeover.sock";

fn setup(certificates: &Certificates, origin: &Origin) -> Setup {
    let setup = Setup::route("ttl = \"1m\"").before(origin.address).section("[timeouts]\ndrain = \"40s\"");
    certificates.offered(setup, &format!("takeover = \"{SOCKET}\""))
}

async fn connect(certificates: &Certificates, served: &Served) -> Client {
    Client::connect(served.http3_address, &certificates.path("ca.pem"), None).await
}

/// The process that takes over from a running one, once that can be asked.
async fn successor(running: &Served) -> Served {
    let socket = running.folder().join(SOCKET);
    within("the socket", async {
        while UnixStream::connect(&socket).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    running.again(&["--takeover"]).await
}

/// How many connections a process has, or has had.
async fn shaken(served: &Served) -> f64 {
    served.metric("larder_tls_handshakes_total{result=\"full\"}").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_both_processes_are_served_at_one_port_until_the_older_one_has_ended() {
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    let (gate, later) = (Barrier::new(), Barrier::new());
    origin.on("/p", reply(200).body("here"));
    let body = "of a body that is sent while the other process reads from the port".repeat(10_000);
    origin.on("/held", reply(200).hold(&gate).body(&body));
    origin.on("/later", reply(200).hold(&later).body("later"));
    let mut first = setup(&certificates, &origin).serve().await;
    let mut early = connect(&certificates, &first).await;
    let held = early.send(&fields("GET", "/held"), json!({})).await;
    origin.requested("/held", 1).await;

    let mut second = successor(&first).await;
    assert_eq!(second.http3_address, first.http3_address);
    let told = early.step(json!({ "do": "goaway" })).await;
    assert_eq!(told["closed"], json!(null), "{told}");
    // While the older one still has something under way, the newer one is there for all who come.
    let mut middle = connect(&certificates, &second).await;
    assert_eq!(middle.get("/p").await.body(), "here");
    let of_middle = middle.send(&fields("GET", "/later"), json!({})).await;
    origin.requested("/later", 1).await;
    assert!(shaken(&second).await >= 1.0, "it is the newer one");

    // And once more, with connections at all three.
    let mut third = successor(&second).await;
    let mut late = connect(&certificates, &third).await;
    assert_eq!(late.get("/p").await.body(), "here");
    gate.open();
    let answer = early.answer(held).await;
    assert!(answer.is_whole(), "{answer:?}");
    assert_eq!(answer.0["bytes"], body.len(), "{answer:?}");
    assert_eq!(early.closed().await, NO_ERROR);
    assert!(first.ended().await.success(), "{}", first.log());
    later.open();
    assert_eq!(middle.answer(of_middle).await.body(), "later");
    assert_eq!(middle.closed().await, NO_ERROR);
    assert!(second.ended().await.success(), "{}", second.log());
    assert_eq!(late.get("/p").await.body(), "here");
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_come_to_serve_leaves_the_port_to_the_running_one() {
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("here"));
    let served = setup(&certificates, &origin).serve().await;
    let mut client = connect(&certificates, &served).await;
    drop(successor_that_fails(&served).await);
    assert_eq!(client.get("/p").await.body(), "here");
    assert_eq!(connect(&certificates, &served).await.get("/p").await.body(), "here");
}

/// One that is given the sockets and goes as soon as the log is handed over to it.
async fn successor_that_fails(running: &Served) -> UnixStream {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let socket = running.folder().join(SOCKET);
    let connecting = async {
        loop {
            if let Ok(stream) = UnixStream::connect(&socket).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut stream = within("the socket", connecting).await;
    for text in [r#"{"hello":{"version":1,"takes":["udp","something new"]}}"#, r#""ready""#] {
        stream.write_u32(u32::try_from(text.len()).expect("short")).await.expect("it reads");
        stream.write_all(text.as_bytes()).await.expect("it reads");
    }
    let mut read = Vec::new();
    within("the log", async {
        while !String::from_utf8_lossy(&read).contains("handover") {
            stream.read_buf(&mut read).await.expect("it answers");
        }
    })
    .await;
    assert!(String::from_utf8_lossy(&read).contains("http3"), "the port is offered");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_of_the_service_manager_is_served_and_who_came_before_is_answered() {
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    origin.on("/p", reply(200).body("here"));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let ca = certificates.path("ca.pem");
    // The first packets wait at the port.
    let early = tokio::spawn(async move {
        let mut client = Client::connect(address, &ca, None).await;
        client.get("/p").await.body().to_owned()
    });
    let folder = Arc::new(setup(&certificates, &origin).folder());
    let mut shell = Command::new("sh");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_larder")]).arg(folder.path().join("proxy.toml"));
    shell.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "http3").stdin(Stdio::from(OwnedFd::from(socket)));
    let served = Served::run(shell, folder).await;
    assert_eq!(served.http3_address, address, "{HOST}");
    assert_eq!(within("the early client", early).await.expect("it ends"), "here");
}
