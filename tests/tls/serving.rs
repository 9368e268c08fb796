//! What is served over TLS.

use super::peers::{Certificates, HOST, connect, https, s_client};
use crate::support::deadline::within;
use crate::support::{Setup, reply};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn curl_is_answered_in_each_protocol_and_version() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("over TLS"));
    for (arguments, version) in [
        (&["--http1.1", "--tlsv1.3"][..], "HTTP/1.1 200"),
        (&["--http2", "--tlsv1.3"], "HTTP/2 200"),
        (&["--http1.1", "--tls-max", "1.2"], "HTTP/1.1 200"),
        (&["--http2", "--tls-max", "1.2"], "HTTP/2 200"),
        (&["--no-alpn"], "HTTP/1.1 200"),
    ] {
        let answer = certificates.curl(https(&scenario), "/p", arguments).await.answer();
        assert!(answer.starts_with(version) && answer.ends_with("over TLS"), "{arguments:?}: {answer}");
    }
    scenario.origin.saw("/p", 1);
    assert!(scenario.metric("larder_tls_handshakes_total{result=\"full\"}").await >= 5.0);
}

#[tokio::test]
async fn a_url_over_tls_and_the_same_in_clear_text_are_two() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on_request("/p", |seen| {
        let scheme = seen.value("X-Forwarded-Proto").unwrap_or("none").to_owned();
        reply(200).header("Cache-Control", "max-age=60").body(&scheme)
    });
    for _ in 0..2 {
        let host = format!("{HOST}:{}", https(&scenario).port());
        let in_clear_text = crate::support::get("/p").header("Host", &host);
        scenario.fetch(&in_clear_text).await.status(200).body("http");
        for protocol in ["--http1.1", "--http2"] {
            let answer = certificates.curl(https(&scenario), "/p", &[protocol]).await.answer();
            assert!(answer.ends_with("https"), "{answer}");
        }
        // A client can't say otherwise.
        let said = ["--http1.1", "--header", "X-Forwarded-Proto: http"];
        let answer = certificates.curl(https(&scenario), "/p", &said).await.answer();
        assert!(answer.ends_with("https"), "{answer}");
    }
    scenario.origin.saw("/p", 2);
}

#[tokio::test]
async fn each_host_is_shown_its_own_certificate() {
    let certificates = Certificates::new();
    certificates.add("second", &["second.example"]);
    certificates.add("wild", &["*.wild.example"]);
    let [second, second_key, wild, wild_key] =
        ["second.pem", "second.key", "wild.pem", "wild.key"].map(|name| certificates.path(name).display().to_string());
    let further = format!(
        ", certificates = [{{ certificate = \"{second}\", key = \"{second_key}\" }}, \
         {{ certificate = \"{wild}\", key = \"{wild_key}\" }}]"
    );
    let scenario = Setup::route("").listen(&certificates.https(&further)).start().await;
    scenario.origin.on("/p", reply(200).body("here"));
    // curl gives up where the certificate is not for the host.
    for (host, expected) in
        [(HOST, true), ("second.example", true), ("a.wild.example", true), ("a.b.wild.example", false)]
    {
        let curled = certificates.curl_for(host, https(&scenario), "/p", &[]).await;
        assert_eq!(curled.succeeded(), expected, "{host}: {}", curled.failure());
    }
    for (arguments, expected) in [
        (&["-noservername"][..], HOST),
        (&["-servername", "nobody.example"], HOST),
        (&["-servername", "SECOND.example"], "second.example"),
    ] {
        let printed = s_client(https(&scenario), arguments).await;
        assert!(printed.contains(&format!("subject=CN = {expected}")), "{arguments:?}: {printed}");
    }
}

/// The types of the records that `bytes` hold, which end with one.
fn record_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        types.push(*kind);
        bytes = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    types
}

#[tokio::test]
async fn a_hit_is_one_record_up_to_a_small_body() {
    const APPLICATION_DATA: u8 = 23;
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    for (target, bytes, records) in [("/small", 1024, 1), ("/4k", 4096, 1), ("/large", 16 * 1024, 2)] {
        let body = "x".repeat(bytes);
        scenario.origin.on(target, reply(200).header("Cache-Control", "max-age=60").body(&body));
        let request = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        // Once over TLS for the cache; then through a relay that notes what comes from Larder.
        let mut client = connect(Arc::new(certificates.client()), https(&scenario)).await;
        for _ in 0..2 {
            client.write_all(request.as_bytes()).await.unwrap();
            let mut read = Vec::new();
            while !read.ends_with(body.as_bytes()) {
                within("an answer", client.read_buf(&mut read)).await.unwrap();
            }
        }
        let (relay, noted) = noting_relay(https(&scenario)).await;
        let mut client = connect(Arc::new(certificates.client()), relay).await;
        // The first answer comes after the tickets of the handshake.
        let mut before = 0;
        for round in 0..2 {
            client.write_all(request.as_bytes()).await.unwrap();
            let mut read = Vec::new();
            while !read.ends_with(body.as_bytes()) {
                within("an answer", client.read_buf(&mut read)).await.unwrap();
            }
            let all = noted.lock().unwrap().clone();
            if round == 1 {
                let types = record_types(&all[before..]);
                assert_eq!(types, vec![APPLICATION_DATA; records], "{target}");
            }
            before = all.len();
        }
        scenario.origin.saw(target, 1);
    }
}

/// Passes one connection on to `to`, and notes what comes back.
async fn noting_relay(to: std::net::SocketAddr) -> (std::net::SocketAddr, Arc<std::sync::Mutex<Vec<u8>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let received = Arc::new(std::sync::Mutex::new(Vec::new()));
    let shared = Arc::clone(&received);
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("the client comes");
        let mut server = TcpStream::connect(to).await.expect("Larder listens");
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.split(), server.split());
        let up = tokio::io::copy(&mut from_client, &mut to_server);
        let down = async {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from_server.read(&mut piece).await {
                shared.lock().expect("nobody panics with it").extend_from_slice(&piece[..read]);
                to_client.write_all(&piece[..read]).await.expect("the client reads");
            }
        };
        tokio::join!(up, down).0.ok();
    });
    (address, received)
}

#[tokio::test]
async fn http_is_served_on_a_unix_socket_too() {
    let certificates = Certificates::new();
    let socket = certificates.path("larder.sock");
    let origin = crate::support::origin::Origin::start().await;
    origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("by path"));
    let folder = Setup::route("").before(origin.address).folder();
    let file = folder.path().join("proxy.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    let listen = format!("http = [\"127.0.0.1:0\", \"unix:{}\"]", socket.display());
    std::fs::write(&file, toml.replace("http = \"127.0.0.1:0\"", &listen)).unwrap();
    // What a process has left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let served = crate::support::served::Served::start(folder).await;
    for _ in 0..2 {
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["--silent", "--show-error", "--unix-socket"]).arg(&socket).arg("http://shop.example/p");
        let output = within("curl", curl.output()).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "by path", "{}", served.log());
    }
    origin.saw("/p", 1);
}
