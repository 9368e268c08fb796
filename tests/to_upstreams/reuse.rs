//! Under steady load connections are used again and again: at least 99 of 100 requests find one open.

use crate::support::certificates::{Authority, Validity};
use crate::support::nginx::Peer;
use crate::support::{Setup, get, post};
use std::collections::HashSet;

const CLIENTS: usize = 8;
const REQUESTS: usize = 250;

/// The numbers of the connections by which a steady load reaches the server.
async fn connections(listens: &str, scheme: &str, keys: &str, method: &str) -> HashSet<String> {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let files = Authority::new("the shop's own").write_for(folder.path(), &["localhost"], Validity::Valid);
    let tls = format!("ssl_certificate {}; ssl_certificate_key {};", files.certificate.display(), files.key.display());
    let server = Peer::nginx(&format!(
        "keepalive_requests 100000; keepalive_timeout 75s 75s; server {{ listen 127.0.0.1:{{port}} {listens}; {} \
         location / {{ return 200 \"$connection\"; }} }}",
        if scheme == "https" { tls.as_str() } else { "" }
    ))
    .await;
    let trusting = format!("{keys}\ntls = {{ ca_file = \"{}\" }}", files.ca.display());
    let keys = if scheme == "https" { trusting.as_str() } else { keys };
    let setup = Setup::route("cache = false").before_all(&[&server.url(scheme, "localhost")]).upstream(keys);
    let scenario = setup.start().await;
    let clients = (0..CLIENTS).map(|_| async {
        let mut client = scenario.connect().await;
        let mut seen = HashSet::new();
        for _ in 0..REQUESTS {
            let request = if method == "POST" { post("/p", "order") } else { get("/p") };
            client.send(&request).await;
            seen.insert(client.response().await.status(200).text());
        }
        seen
    });
    futures_util::future::join_all(clients).await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_steady_load_99_of_100_requests_use_an_open_connection() {
    let rows = [
        ("", "http", "", "GET"),
        ("", "http", "", "POST"),
        ("ssl", "https", "", "GET"),
        ("ssl http2", "https", "", "GET"),
        ("ssl http2", "https", "", "POST"),
        ("http2", "http", "protocol = \"http2\"", "POST"),
    ];
    for (listens, scheme, keys, method) in rows {
        let opened = connections(listens, scheme, keys, method).await.len();
        assert!(opened * 100 <= CLIENTS * REQUESTS, "{opened} connections for {method} {scheme} {listens}");
    }
}
