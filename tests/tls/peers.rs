//! Larder with certificates, and the clients that come to it.

use crate::support::certificates::{Authority, Validity, written};
use crate::support::deadline::within;
use crate::support::{Scenario, Setup};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The host of the first certificate.
pub(super) const HOST: &str = "shop.example";

/// The files of an authority and of the certificates that it has made.
pub(super) struct Certificates {
    /// Who has made them.
    pub authority: Authority,
    folder: TempDir,
}

impl Certificates {
    /// With one for [`HOST`] and `127.0.0.1`, in `cert.pem` and `key.pem`.
    pub(super) fn new() -> Self {
        let certificates = Self {
            authority: Authority::new("the shop's own"),
            folder: tempfile::tempdir().expect("room for a folder"),
        };
        let files = certificates.authority.write_for(certificates.folder.path(), &[HOST, "127.0.0.1"], Validity::Valid);
        assert!(files.ca.exists());
        certificates
    }

    /// A file of theirs.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes another certificate as `NAME.pem`, with its key as `NAME.key`.
    pub(super) fn add(&self, name: &str, hosts: &[&str]) {
        let [certificate, key] = self.authority.vouch_for(hosts);
        drop(written(self.folder.path(), &format!("{name}.pem"), &certificate));
        drop(written(self.folder.path(), &format!("{name}.key"), &key));
    }

    /// `https` of `[listen]` with these further keys.
    pub(super) fn https(&self, keys: &str) -> String {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| self.path(name));
        let (certificate, key) = (certificate.display(), key.display());
        format!("https = {{ address = \"127.0.0.1:0\", certificate = \"{certificate}\", key = \"{key}\"{keys} }}\n")
    }

    /// A scenario with that.
    pub(super) async fn start(&self, setup: Setup) -> Scenario {
        setup.listen(&self.https("")).start().await
    }

    /// Who believes the authority.
    pub(super) fn client(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        builder.expect("ring knows them").with_root_certificates(self.roots()).with_no_client_auth()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.authority.pem.as_bytes());
        roots.add(certificate.expect("made above")).expect("it is an authority's");
        roots
    }

    /// What curl prints for a URL of the TLS listener, by the host of the certificate.
    pub(super) async fn curl(&self, address: SocketAddr, target: &str, arguments: &[&str]) -> Curled {
        self.curl_for(HOST, address, target, arguments).await
    }

    /// The same by another host.
    pub(super) async fn curl_for(&self, host: &str, address: SocketAddr, target: &str, arguments: &[&str]) -> Curled {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--dump-header", "-"]);
        curl.arg("--cacert").arg(self.path("ca.pem"));
        curl.arg("--resolve").arg(format!("{host}:{}:{}", address.port(), address.ip()));
        curl.args(arguments).arg(format!("https://{host}:{}{target}", address.port()));
        let output = within("curl", curl.output()).await.expect("curl is installed");
        Curled { output }
    }
}

/// What curl has printed.
pub(super) struct Curled {
    output: Output,
}

impl Curled {
    /// Head and body of the answer; fails where there is none.
    pub(super) fn answer(&self) -> String {
        assert!(self.output.status.success(), "{}", self.failure());
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What curl complains of.
    pub(super) fn failure(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Whether it got an answer.
    pub(super) fn succeeded(&self) -> bool {
        self.output.status.success()
    }
}

/// Where the scenario speaks TLS.
pub(super) fn https(scenario: &Scenario) -> SocketAddr {
    let address = scenario.running.listening.iter().find_map(|url| url.strip_prefix("https://"));
    address.and_then(|address| address.parse().ok()).expect("it has such a listener")
}

/// What openssl prints as a client, with nothing to send.
pub(super) async fn s_client(address: SocketAddr, arguments: &[&str]) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &address.to_string()]).args(arguments);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    client = client.kill_on_drop(true);
    let mut process = client.spawn().expect("openssl is installed");
    process.stdin.take().expect("piped above").shutdown().await.expect("it reads");
    let output = within("openssl", process.wait_with_output()).await.expect("it ends");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A connection of rustls.
pub(super) async fn connect(config: Arc<ClientConfig>, address: SocketAddr) -> TlsStream<TcpStream> {
    secure(config, TcpStream::connect(address).await.expect("it listens")).await
}

/// The same over a connection that is open.
pub(super) async fn secure(config: Arc<ClientConfig>, socket: TcpStream) -> TlsStream<TcpStream> {
    let name = ServerName::try_from(HOST).expect("it is a name");
    within("a handshake", TlsConnector::from(config).connect(name, socket)).await.expect("they agree")
}
