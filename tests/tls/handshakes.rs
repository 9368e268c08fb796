//! Handshakes that succeed, and those that do not.

use super::peers::{Certificates, HOST, connect, https, s_client, secure};
use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::origin::Origin;
use crate::support::{Scenario, Setup, get, reply};
use rustls::HandshakeKind;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

#[tokio::test]
async fn a_client_resumes_its_session() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let config = Arc::new(certificates.client());
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut client = connect(Arc::clone(&config), https(&scenario)).await;
        // The tickets come with the first bytes of the answer.
        client
            .write_all(format!("GET /p HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        within("an answer", client.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        kinds.push(client.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    let reused = s_client(https(&scenario), &["-tls1_2", "-reconnect"]).await;
    assert_eq!(reused.matches("Reused, TLSv1.2").count(), 5, "{reused}");
    assert!(scenario.metric("larder_tls_handshakes_total{result=\"resumed\"}").await >= 6.0);
}

/// Asks over a connection that ends with the answer.
async fn answer(mut client: TlsStream<TcpStream>) -> String {
    let request = format!("GET /p HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    within("an answer", client.read_to_string(&mut answer)).await.expect("text");
    answer
}

#[tokio::test]
async fn who_has_connected_when_the_end_comes_makes_a_handshake_and_is_answered() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let (address, config) = (https(&scenario), Arc::new(certificates.client()));
    let early = TcpStream::connect(address).await.unwrap();
    // Connections are accepted one after another.
    assert!(answer(connect(Arc::clone(&config), address).await).await.ends_with("here"));
    let stopping = tokio::spawn(scenario.running.stop());
    within("the port is closed", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(answer(secure(config, early).await).await.ends_with("here"));
    within("the end", stopping).await.unwrap();
}

#[tokio::test]
async fn a_client_that_speaks_http_in_clear_text_to_the_tls_port_is_told() {
    let certificates = Certificates::new();
    let origin = Origin::start().await;
    let served = Setup::route("").listen(&certificates.https("")).before(origin.address).serve().await;
    for request in [get("/p").to_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()] {
        let mut client = Client::connect(served.https_address).await;
        client.send_raw(&request).await;
        let response = client.response().await;
        response.status(400).header("Connection", "close").header("Content-Type", "text/plain; charset=utf-8");
        response.body("This port speaks TLS: use https:// in the URL.\r\n");
        client.closed().await;
    }
    within("both being counted", async {
        while served.metric("larder_tls_handshakes_total{result=\"plain-http\"}").await < 2.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(served.log().contains("plain HTTP was spoken to a port that speaks TLS"), "{}", served.log());
}

#[tokio::test]
async fn a_client_that_speaks_tls_to_the_port_in_clear_text_is_logged_as_that() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    let printed = s_client(scenario.running.data_address, &[]).await;
    assert!(printed.contains("wrong version number") || printed.contains("packet length"), "{printed}");
    counted(&scenario, "larder_request_reasons_total{route=\"-\",outcome=\"error\",reason=\"tls\"}", 1.0).await;
}

#[tokio::test]
async fn an_older_version_than_the_oldest_is_refused() {
    let certificates = Certificates::new();
    let scenario = Setup::route("").listen(&certificates.https(", min_version = \"1.3\"")).start().await;
    scenario.origin.on("/p", reply(200).body("here"));
    let older = certificates.curl(https(&scenario), "/p", &["--tls-max", "1.2"]).await;
    assert!(!older.succeeded() && older.failure().contains("protocol version"), "{}", older.failure());
    assert!(certificates.curl(https(&scenario), "/p", &[]).await.succeeded());
    counted(&scenario, "larder_tls_handshakes_total{result=\"failed\"}", 1.0).await;
}

#[tokio::test]
async fn a_silent_client_delays_nobody_and_is_let_go() {
    let certificates = Certificates::new();
    let setup = Setup::route("").section("[timeouts]\nheader_read = \"1s\"");
    let scenario = certificates.start(setup).await;
    scenario.origin.on("/p", reply(200).body("here"));
    let mut silent = Vec::new();
    for sent in [&b""[..], &[22], &[22, 3, 1, 2, 0, 1]] {
        let mut client = TcpStream::connect(https(&scenario)).await.unwrap();
        client.write_all(sent).await.unwrap();
        silent.push(client);
    }
    assert!(certificates.curl(https(&scenario), "/p", &[]).await.answer().ends_with("here"));
    for mut client in silent {
        let mut rest = Vec::new();
        // An alert or nothing, then the end.
        drop(within("the end", client.read_to_end(&mut rest)).await);
    }
    counted(&scenario, "larder_tls_handshakes_total{result=\"timed-out\"}", 3.0).await;
}

/// Waits until a metric has this value.
async fn counted(scenario: &Scenario, metric: &str, value: f64) {
    within(metric, async { while (scenario.metric(metric).await - value).abs() > f64::EPSILON {} }).await;
}
