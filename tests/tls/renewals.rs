//! Certificates that are replaced while Larder runs.

use super::peers::{Certificates, HOST, connect, https};
use crate::support::deadline::within;
use crate::support::{Scenario, Setup, post, reply};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The certificate that a new client is shown, as DER.
async fn shown(certificates: &Certificates, scenario: &Scenario) -> Vec<u8> {
    let client = connect(Arc::new(certificates.client()), https(scenario)).await;
    client.get_ref().1.peer_certificates().expect("it is shown one")[0].to_vec()
}

/// Waits until new clients are shown another certificate.
async fn replaced(certificates: &Certificates, scenario: &Scenario, before: &[u8]) {
    within("a certificate being replaced", async { while shown(certificates, scenario).await == before {} }).await;
}

/// Puts a text in place of a file, as a renewal does: written beside it, then renamed.
pub(super) fn rename_into_place(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).expect("the folder is ours");
    std::fs::rename(&beside, file).expect("the folder is ours");
}

#[tokio::test]
async fn a_renewed_pair_is_shown_and_connections_go_on() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    scenario.origin.on("/p", reply(200).header("Cache-Control", "max-age=60").body("here"));
    let before = shown(&certificates, &scenario).await;
    let mut earlier = connect(Arc::new(certificates.client()), https(&scenario)).await;
    let [certificate, key] = certificates.authority.vouch_for(&[HOST]);
    // The certificate first: for a moment the key does not fit.
    rename_into_place(&certificates.path("cert.pem"), &certificate);
    within("the half-done renewal being refused", async {
        while scenario.metric("larder_tls_certificate_reloads_total{result=\"refused\"}").await < 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(shown(&certificates, &scenario).await, before);
    rename_into_place(&certificates.path("key.pem"), &key);
    replaced(&certificates, &scenario, &before).await;
    earlier
        .write_all(format!("GET /p HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    within("an answer", earlier.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("here"), "{answer}");
}

#[tokio::test]
async fn a_secret_is_replaced_by_its_link_as_kubernetes_does() {
    let certificates = Certificates::new();
    let root = certificates.path("mounted");
    let release = |name: &str| {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let [certificate, key] = certificates.authority.vouch_for(&[HOST]);
        std::fs::write(folder.join("tls.crt"), certificate).unwrap();
        std::fs::write(folder.join("tls.key"), key).unwrap();
    };
    let swap = |name: &str| {
        std::os::unix::fs::symlink(name, root.join("..data_tmp")).unwrap();
        std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    release("..one");
    swap("..one");
    for name in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), root.join(name)).unwrap();
    }
    let [certificate, key] = ["tls.crt", "tls.key"].map(|name| root.join(name).display().to_string());
    let listen = format!("https = {{ address = \"127.0.0.1:0\", certificate = \"{certificate}\", key = \"{key}\" }}");
    let scenario = Setup::route("").listen(&listen).start().await;
    for name in ["..two", "..three"] {
        let before = shown(&certificates, &scenario).await;
        release(name);
        swap(name);
        replaced(&certificates, &scenario, &before).await;
    }
}

#[tokio::test]
async fn a_broken_pair_replaces_nothing_and_a_reload_takes_a_good_one() {
    let certificates = Certificates::new();
    let scenario = certificates.start(Setup::route("")).await;
    let before = shown(&certificates, &scenario).await;
    for broken in ["", "no certificate"] {
        rename_into_place(&certificates.path("cert.pem"), broken);
        scenario.admin(post("/reload", "")).await.status(200);
        assert_eq!(shown(&certificates, &scenario).await, before, "{broken:?}");
    }
    let [certificate, key] = certificates.authority.vouch_for(&[HOST]);
    std::fs::write(certificates.path("key.pem"), &key).unwrap();
    std::fs::write(certificates.path("cert.pem"), &certificate).unwrap();
    scenario.admin(post("/reload", "")).await.status(200);
    assert_ne!(shown(&certificates, &scenario).await, before);
    let file = certificates.path("cert.pem").display().to_string();
    let series = format!("larder_tls_certificate_expiry_timestamp_seconds{{certificate=\"{file}\"}}");
    assert!(scenario.metric(&series).await > 1_700_000_000.0);
}
