//! TLS to servers: whom they must be vouched for by, what they are shown, and the name that they must prove.

use super::tls_failure::TlsFailure;
use crate::tls;
use http::HeaderValue;
use http::uri::Authority;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};

/// What a server may choose to speak.
const HTTP_1: &[u8] = b"http/1.1";

/// How servers are trusted, and what they are shown: `upstream.tls`, resolved.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    config: Arc<ClientConfig>,
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
        let mut config = match identity {
            Some(identity) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP_1.to_vec()];
        Self { config: Arc::new(config), name }
    }

    /// Trusts the system's roots.
    #[must_use]
    pub fn system() -> Self {
        static SYSTEM: OnceLock<TlsOptions> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::new(system_roots(), None, None)).clone()
    }

    pub(super) fn connector(&self) -> tokio_rustls::TlsConnector {
        tokio_rustls::TlsConnector::from(Arc::clone(&self.config))
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
