//! An operator's day: servers that die, hang and are drained, certificates that are renewed, a new process that takes over.
//! Clients of HTTP/1.1 and HTTP/2 ask all the while, and no request of theirs fails.

use super::day_load::{Load, STEP};
use super::day_servers::Servers;
use super::peers::{Certificates, connect};
use super::renewals::rename_into_place;
use crate::support::deadline::{within, within_time};
use crate::support::served::Served;
use crate::support::{Setup, post};
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;

const TAKEOVER: &str = "takeover.sock";

/// Waits until Larder sends a server requests, or none.
async fn until_up(expected: bool, nth: usize, servers: &Servers, served: &Served) {
    let what = format!("server {nth} to be {}", if expected { "up" } else { "down" });
    within_time(STEP, what, async { while servers.is_up(nth, served).await != expected {} }).await;
}

async fn started(certificates: &Certificates, servers: &Servers) -> Served {
    let listen = format!("takeover = \"{TAKEOVER}\"\n{}", certificates.https(""));
    let setup = Setup::route("cookies = []").listen(&listen).memory_keys("snapshot = \"larder.snapshot\"");
    servers.before(setup).serve().await
}

/// The certificate that a new client is shown, as DER.
async fn shown(certificates: &Certificates, served: &Served) -> Vec<u8> {
    let client = connect(Arc::new(certificates.client()), served.https_address).await;
    client.get_ref().1.peer_certificates().expect("it is shown one")[0].to_vec()
}

/// Asks until someone can be asked for the place of the running process.
async fn offers(socket: &Path) {
    within("the socket", async {
        while UnixStream::connect(socket).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn drain(servers: &Servers, nth: usize, served: &Served, json: &str) {
    let path = format!("/upstreams/default/{}/drain", servers.name(nth).replace(':', "%3A"));
    served.admin(post(&path, json)).await.status(200);
}

#[tokio::test]
async fn no_request_fails_on_an_operators_day() {
    let certificates = Arc::new(Certificates::new());
    let mut servers = Servers::start(&certificates).await;
    let mut first = started(&certificates, &servers).await;
    let load = Load::start(&certificates, first.https_address);
    load.goes_on("the morning").await;

    servers.hang(1);
    until_up(false, 1, &servers, &first).await;
    load.goes_on("a server hangs").await;
    servers.recover(1);
    until_up(true, 1, &servers, &first).await;
    load.goes_on("it has recovered").await;

    servers.peers[0].kill();
    until_up(false, 0, &servers, &first).await;
    load.goes_on("a server is dead").await;

    drain(&servers, 2, &first, "{}").await;
    load.goes_on("a server is drained").await;
    let asked = servers.asked(2);
    load.goes_on("a server has been drained").await;
    assert_eq!(servers.asked(2), asked, "nothing new is sent to it");
    drain(&servers, 2, &first, "{\"drain\": false}").await;
    load.goes_on("it is back").await;
    assert!(servers.asked(2) > asked, "it takes its share again");

    let before = shown(&certificates, &first).await;
    for (file, text) in ["cert.pem", "key.pem"].into_iter().zip(certificates.authority.vouch_for(&[super::peers::HOST]))
    {
        rename_into_place(&certificates.path(file), &text);
    }
    within("the certificate to be replaced", async { while shown(&certificates, &first).await == before {} }).await;
    load.goes_on("Larder's certificate is renewed").await;
    let known = servers.shown();
    servers.renew(&certificates);
    servers.peers[1].reload();
    servers.peers[2].reload();
    load.goes_on("the servers' certificates are renewed").await;
    within_time(STEP, "Larder to show servers its renewed certificate", async {
        while servers.shown() == known {
            load.goes_on("Larder's certificate for servers is renewed").await;
        }
    })
    .await;

    offers(&first.folder().join(TAKEOVER)).await;
    let mut second = first.again(&["--takeover"]).await;
    assert!(first.ended().await.success());
    load.goes_on("a new process has taken over").await;
    assert!(second.metric("larder_requests_total{route=\"all\",outcome=\"hit\",status_class=\"2xx\"}").await > 0.0);
    drop(load);
    second.stop().await;
}
