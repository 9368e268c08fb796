//! Three servers over TLS that ask for Larder's certificate: real ones, in front of one scripted origin.

use super::day_load::body_of;
use super::peers::Certificates;
use super::renewals::rename_into_place;
use crate::support::certificates::{Files, Validity};
use crate::support::nginx::Peer;
use crate::support::origin::{Origin, Seen};
use crate::support::served::Served;
use crate::support::{Barrier, Setup, reply};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// What the script of the origin knows of the three, and notes of them.
#[derive(Default)]
struct Three {
    asked: [AtomicUsize; 3],
    is_hanging: [AtomicBool; 3],
    clients: Mutex<BTreeSet<String>>,
}

/// The servers.
pub(super) struct Servers {
    /// Each an nginx.
    pub peers: [Peer; 3],
    three: Arc<Three>,
    gate: Barrier,
    _origin: Origin,
    folders: [TempDir; 2],
    own: Files,
}

impl Servers {
    /// Three that show certificates of this authority, and want one of it.
    pub(super) async fn start(certificates: &Certificates) -> Self {
        let [theirs, larders] = [(); 2].map(|()| tempfile::tempdir().expect("room for a folder"));
        let files = certificates.authority.write_for(theirs.path(), &["127.0.0.1"], Validity::Valid);
        let own = certificates.authority.write_for(larders.path(), &["larder"], Validity::Valid);
        let (origin, gate, three) = (Origin::start().await, Barrier::new(), Arc::new(Three::default()));
        for path in ["/p", "/live", "/orders", "/healthz"] {
            let (three, gate) = (Arc::clone(&three), gate.clone());
            origin.on_request(path, move |seen| three.answer(seen, &gate));
        }
        let peers = [nginx(&files, &origin, 0).await, nginx(&files, &origin, 1).await, nginx(&files, &origin, 2).await];
        Self { peers, three, gate, _origin: origin, folders: [theirs, larders], own }
    }

    /// Larder before them, with a certificate of its own.
    pub(super) fn before(&self, setup: Setup) -> Setup {
        let urls: Vec<_> = self.peers.iter().map(|peer| peer.url("https", "127.0.0.1")).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let [ca, certificate, key] = [&self.own.ca, &self.own.certificate, &self.own.key].map(|file| file.display());
        setup.before_all(&urls).upstream(&format!(
            "tls = {{ ca_file = \"{ca}\", certificate = \"{certificate}\", key = \"{key}\" }}\n\
             read_timeout = \"5s\"\nhealth = {{ path = \"/healthz\", interval = \"200ms\", timeout = \"5s\", rise = 1 }}\neject = {{ for = \"2s\" }}\n"
        ))
    }

    /// Its name in metrics and in the admin API.
    pub(super) fn name(&self, nth: usize) -> String {
        format!("127.0.0.1:{}", self.peers[nth].port)
    }

    /// Whether Larder sends it requests.
    pub(super) async fn is_up(&self, nth: usize, served: &Served) -> bool {
        let name = self.name(nth);
        served.metric(&format!("larder_upstream_server_up{{pool=\"default\",server=\"{name}\"}}")).await > 0.5
    }

    /// From now on it gives no answer to reads and checks.
    pub(super) fn hang(&self, nth: usize) {
        self.three.is_hanging[nth].store(true, Ordering::SeqCst);
    }

    /// It is well again.
    pub(super) fn recover(&self, nth: usize) {
        self.three.is_hanging[nth].store(false, Ordering::SeqCst);
        self.gate.open();
    }

    /// How many requests it has been sent, checks aside.
    pub(super) fn asked(&self, nth: usize) -> usize {
        self.three.asked[nth].load(Ordering::SeqCst)
    }

    /// The serial numbers of the certificates that Larder has shown.
    pub(super) fn shown(&self) -> BTreeSet<String> {
        self.three.clients.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Renews the certificate that they show, and that which Larder shows.
    pub(super) fn renew(&self, certificates: &Certificates) {
        for (folder, name) in self.folders.iter().zip(["127.0.0.1", "larder"]) {
            let [certificate, key] = certificates.authority.vouch_for(&[name]);
            rename_into_place(&folder.path().join("cert.pem"), &certificate);
            rename_into_place(&folder.path().join("key.pem"), &key);
        }
    }
}

impl Three {
    fn answer(&self, seen: &Seen, gate: &Barrier) -> crate::support::reply::Reply {
        let server: usize = seen.value("X-Server").and_then(|number| number.parse().ok()).expect("nginx adds it");
        let is_check = seen.target == "/healthz";
        if !is_check {
            self.asked[server].fetch_add(1, Ordering::SeqCst);
            let client = seen.value("X-Client").expect("nginx adds it").to_owned();
            self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(client);
        }
        let lifetime = if seen.target.starts_with("/p?") { "max-age=3600" } else { "no-store" };
        let answer = reply(200).header("Cache-Control", lifetime).body(body_of(&seen.target));
        // A write that gets no answer can't be sent again to another server.
        let hangs = self.is_hanging[server].load(Ordering::SeqCst) && seen.method != "PUT";
        if hangs { answer.hold(gate) } else { answer }
    }
}

async fn nginx(files: &Files, origin: &Origin, nth: usize) -> Peer {
    let Files { ca, certificate, key } = files;
    Peer::nginx_with_worker(&format!(
        "server {{ listen 127.0.0.1:{{port}} ssl; ssl_certificate {}; ssl_certificate_key {}; \
         ssl_client_certificate {}; ssl_verify_client on; location / {{ proxy_pass http://{}; \
         proxy_set_header X-Server {nth}; proxy_set_header X-Client $ssl_client_serial; }} }}",
        certificate.display(),
        key.display(),
        ca.display(),
        origin.address
    ))
    .await
}
