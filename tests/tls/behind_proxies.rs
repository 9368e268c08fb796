//! Behind HAProxy, which says where its clients are by the PROXY protocol.

use super::peers::{Certificates, HOST, https};
use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::redis_server::free_port;
use crate::support::{Scenario, Setup, reply};
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const REQUIRED: &str = "trusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = \"require\"\n";

async fn requiring() -> (Certificates, Scenario) {
    let certificates = Certificates::new();
    let scenario = Setup::route("").listen(&format!("{REQUIRED}{}", certificates.https(""))).start().await;
    scenario.origin.on_request("/p", |seen| reply(200).body(seen.value("X-Forwarded-For").unwrap_or("none")));
    (certificates, scenario)
}

/// HAProxy before the TLS listener, with this word for the PROXY protocol, and where it listens.
async fn haproxy(certificates: &Certificates, scenario: &Scenario, send: &str) -> (Child, std::net::SocketAddr) {
    let port = free_port();
    let text = format!(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\
         listen front\n  bind 127.0.0.1:{port}\n  server larder {} {send}\n",
        https(scenario)
    );
    let file = certificates.path(&format!("{send}.cfg"));
    std::fs::write(&file, text).expect("the folder is ours");
    let mut haproxy = Command::new("haproxy");
    haproxy.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    let haproxy = haproxy.arg("-db").arg("-f").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let process = haproxy.kill_on_drop(true).spawn().expect("haproxy is installed");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    within("haproxy", async { while TcpStream::connect(address).await.is_err() {} }).await;
    (process, address)
}

#[tokio::test]
async fn haproxy_tells_where_its_clients_are_in_both_versions_before_tls() {
    let (certificates, scenario) = requiring().await;
    for send in ["send-proxy", "send-proxy-v2"] {
        let (_process, address) = haproxy(&certificates, &scenario, send).await;
        for protocol in ["--http1.1", "--http2"] {
            let arguments = ["--interface", "127.0.0.7", protocol];
            let answer = certificates.curl(address, "/p", &arguments).await.answer();
            assert!(answer.ends_with("127.0.0.7"), "{send}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_header_may_come_in_pieces_and_the_request_with_it() {
    let (_certificates, scenario) = requiring().await;
    let request = format!("GET /p HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let v1 = "PROXY TCP4 192.0.2.9 127.0.0.1 4000 80\r\n".to_owned();
    for pieces in [vec![format!("{v1}{request}")], v1.chars().map(String::from).chain([request.clone()]).collect()] {
        let mut client = TcpStream::connect(scenario.running.data_address).await.unwrap();
        client.set_nodelay(true).unwrap();
        for piece in &pieces {
            client.write_all(piece.as_bytes()).await.unwrap();
        }
        let mut answer = String::new();
        within("an answer", client.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.ends_with("192.0.2.9"), "{answer}");
    }
    // What a balancer asks for itself comes from itself.
    let mut client = scenario.send_raw(format!("PROXY UNKNOWN\r\n{request}")).await;
    client.response().await.status(200).body("127.0.0.1");
}

#[tokio::test]
async fn what_does_not_begin_with_it_or_comes_from_elsewhere_is_closed() {
    let (certificates, scenario) = requiring().await;
    let long = format!("PROXY TCP4 {}", "1".repeat(200));
    for bytes in ["GET /p HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY TCP4 nonsense\r\n", &long, "\r\n\r\n\0\r\nQUIT\n"] {
        let mut client = scenario.send_raw(bytes).await;
        client.finish_writing().await;
        client.closed().await;
    }
    assert!(!certificates.curl(https(&scenario), "/p", &[]).await.succeeded());
    let mut elsewhere = Client::connect_from("127.0.0.2".parse().unwrap(), scenario.running.data_address).await;
    elsewhere.send_raw(b"PROXY TCP4 192.0.2.9 127.0.0.1 4000 80\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n").await;
    elsewhere.closed().await;
    scenario.origin.saw("/p", 0);
}

#[tokio::test]
async fn it_is_never_guessed() {
    let scenario = Setup::route("").listen("trusted_proxies = [\"127.0.0.1\"]\n").start().await;
    let mut client =
        scenario.send_raw("PROXY TCP4 192.0.2.9 127.0.0.1 4000 80\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.response().await.status(400);
    scenario.origin.saw("/p", 0);
}
