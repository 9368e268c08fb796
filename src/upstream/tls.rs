//! TLS to servers: whom they must be vouched for by, what they are shown, and the name that they must prove.

use super::tls_failure::TlsFailure;
use crate::tls;
use http::HeaderValue;
use http::uri::Authority;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;

/// Their names in ALPN: RFC 9113 section 3.1, RFC 7301.
const HTTP_1: &[u8] = b"http/1.1";
pub(super) const HTTP_2: &[u8] = b"h2";

/// What a server may choose to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Both,
    Http1,
    Http2,
}

/// How servers are trusted, and what they are shown: `upstream.tls`, resolved.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    both: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    /// The name that is asked for and verified whatever the server's URL says.
    name: Option<ServerName<'static>>,
}

impl TlsOptions {
    /// Trusts these roots only, and shows `identity` to servers that ask for a certificate.
    #[must_use]
    pub fn new(roots: RootCertStore, identity: Option<Arc<CertifiedKey>>, name: Option<ServerName<'static>>) -> Self {
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .expect("ring has the versions of TLS that are asked for")
            .with_root_certificates(roots);
        let config = match identity {
            Some(identity) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
            None => config.with_no_client_auth(),
        };
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(config)
        };
        Self { both: offering(&[HTTP_2, HTTP_1]), http1: offering(&[HTTP_1]), http2: offering(&[HTTP_2]), name }
    }

    /// Trusts the system's roots.
    #[must_use]
    pub fn system() -> Self {
        static SYSTEM: OnceLock<TlsOptions> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::new(system_roots(), None, None)).clone()
    }

    pub(super) fn connector(&self, offer: Offer) -> TlsConnector {
        let config = match offer {
            Offer::Both => &self.both,
            Offer::Http1 => &self.http1,
            Offer::Http2 => &self.http2,
        };
        TlsConnector::from(Arc::clone(config))
    }

    /// The name that a server must prove: that of the options, else that which it is asked by, else its own.
    pub(super) fn name(&self, asked_by: Option<&HeaderValue>, own: &str) -> Result<ServerName<'static>, TlsFailure> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let asked_by = asked_by.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let host = asked_by.as_ref().map_or(own, |authority| authority.host());
        server_name(host).ok_or_else(|| TlsFailure::no_name(host))
    }
}

/// A host as the name of a certificate.
#[must_use]
pub(crate) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_ascii_lowercase()).ok()
}

/// The certificates that the system trusts; none of those that can't be read.
#[must_use]
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "certificates that the system trusts can't be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}
