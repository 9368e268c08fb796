//! Under a service manager: its sockets are listened on, and it is told how the process is.

use super::shop::{HOST, asking, setup};
use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::reply;
use crate::support::served::Served;
use rustix::process::Signal;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::UnixDatagram;
use tokio::process::Command;

/// `larder serve` as a service manager starts it: with this socket as its third descriptor.
async fn started_with(socket: TcpListener, name: &str, origin: &Origin) -> Served {
    let folder = Arc::new(setup("").before(origin.address).folder());
    let mut shell = Command::new("sh");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_larder")]).arg(folder.path().join("proxy.toml"));
    shell.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name).stdin(Stdio::from(OwnedFd::from(socket)));
    Served::run(shell, folder).await
}

#[tokio::test]
async fn sockets_of_the_service_manager_are_listened_on_and_who_connected_before_is_answered() {
    let origin = Origin::start().await;
    origin.on("/a", reply(200).body("a"));
    for name in ["http", "larder.socket", ""] {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("it listens");
        let mut early = Client::connect(address).await;
        early.send(&asking("/a")).await;
        let served = started_with(socket, name, &origin).await;
        assert_eq!(served.data_address, address, "{name}");
        early.response().await.status(200).body("a");
    }
}

#[tokio::test]
async fn a_socket_is_known_by_its_name() {
    let origin = Origin::start().await;
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it listens");
    let served = started_with(socket, "admin", &origin).await;
    assert_eq!(served.admin_address, address);
    assert_ne!(served.data_address, address);
}

#[tokio::test]
async fn the_service_manager_is_told_of_readiness_reloads_the_end_and_that_the_process_lives() {
    let origin = Origin::start().await;
    origin.on("/a", reply(200).body("a"));
    let folder = Arc::new(setup("").before(origin.address).folder());
    let path = folder.path().join("notify");
    let told = UnixDatagram::bind(&path).expect("a fresh folder takes a socket");
    let hears = async |part: &str| {
        within(part, async {
            let mut message = [0; 1024];
            loop {
                let length = told.recv(&mut message).await.expect("it is ours");
                let text = String::from_utf8_lossy(&message[..length]).into_owned();
                if text.lines().any(|line| line == part) {
                    return text;
                }
            }
        })
        .await
    };
    let mut serve = Command::new(env!("CARGO_BIN_EXE_larder"));
    serve.arg("serve").arg("--config").arg(folder.path().join("proxy.toml"));
    serve.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let mut served = Served::run(serve, Arc::clone(&folder)).await;
    assert!(hears("READY=1").await.contains("MAINPID="));
    let mut client = Client::connect(served.data_address).await;
    client.send(&asking("/a").header("X-For", HOST)).await;
    client.response().await.status(200);
    for _ in 0..3 {
        hears("WATCHDOG=1").await;
    }
    served.signal(Signal::HUP);
    assert!(hears("RELOADING=1").await.contains("MONOTONIC_USEC="));
    hears("READY=1").await;
    served.signal(Signal::TERM);
    hears("STOPPING=1").await;
    assert!(served.ended().await.success());
}
