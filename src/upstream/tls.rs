//! TLS to servers: whom they must be vouched for by, what they are shown, and the name that they must prove.

use super::tls_failure::TlsFailure;
use crate::tls::{self, FileFailure, Identity, Validity, authorities};
use arc_swap::ArcSwap;
use http::HeaderValue;
use http::uri::Authority;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
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

/// How servers are trusted, and what they are shown: `upstream.tls`, resolved. What is cloned of one sees what it reads anew.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    in_force: Arc<ArcSwap<InForce>>,
    files: TlsFiles,
    /// The name that is asked for and verified whatever the server's URL says.
    name: Option<ServerName<'static>>,
}

/// The files that they are read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// `ca_file`; none: the system's roots.
    pub(crate) authorities: Option<PathBuf>,
    /// `certificate` and `key`.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// What new connections get.
#[derive(Debug)]
struct InForce {
    roots: Arc<RootCertStore>,
    identity: Option<Identity>,
    both: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl InForce {
    fn new(roots: Arc<RootCertStore>, identity: Option<Identity>) -> Self {
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .expect("ring has the versions of TLS that are asked for")
            .with_root_certificates(Arc::clone(&roots));
        let config = match &identity {
            Some(identity) => {
                let certified = Arc::clone(&identity.certified);
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
            None => config.with_no_client_auth(),
        };
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(config)
        };
        let (both, http1, http2) = (offering(&[HTTP_2, HTTP_1]), offering(&[HTTP_1]), offering(&[HTTP_2]));
        Self { roots, identity, both, http1, http2 }
    }
}

impl TlsOptions {
    /// Trusts these roots only, and shows `identity` to servers that ask for a certificate. Both were read from `files`.
    #[must_use]
    pub(crate) fn new(
        roots: RootCertStore,
        identity: Option<Identity>,
        files: TlsFiles,
        name: Option<ServerName<'static>>,
    ) -> Self {
        let in_force = Arc::new(ArcSwap::from_pointee(InForce::new(Arc::new(roots), identity)));
        Self { in_force, files, name }
    }

    /// Trusts the system's roots.
    #[must_use]
    pub fn system() -> Self {
        static SYSTEM: OnceLock<TlsOptions> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::new(system_roots(), None, TlsFiles::default(), None)).clone()
    }

    /// Whether this is the same, or a clone of it.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.in_force, &other.in_force)
    }

    /// `before` where that is read from the same files and asks for the same name, so that it goes on and what is read anew
    /// reaches both; else this one.
    pub(super) fn or_before(self, before: Option<&Self>) -> Self {
        let is_alike = |before: &&Self| before.files == self.files && before.name == self.name;
        before.filter(is_alike).cloned().unwrap_or(self)
    }

    /// Reads the files again and puts what has changed in force for new connections; returns which have. Blocks on the file
    /// system.
    ///
    /// # Errors
    /// Where one can't be used: then nothing changes.
    pub(crate) fn reload(&self) -> Result<Vec<PathBuf>, FileFailure> {
        let before = self.in_force.load_full();
        let (mut roots, mut identity) = (Arc::clone(&before.roots), before.identity.clone());
        let mut replaced = Vec::new();
        if let Some(path) = &self.files.authorities {
            let new = authorities(path)?;
            if new.roots != roots.roots {
                roots = Arc::new(new);
                replaced.push(path.clone());
            }
        }
        if let Some((certificate, key)) = &self.files.identity {
            let new = Identity::load(certificate, key)?;
            if identity.as_ref().is_none_or(|old| old.certified.cert != new.certified.cert) {
                identity = Some(new);
                replaced.push(certificate.clone());
            }
        }
        if !replaced.is_empty() {
            self.in_force.store(Arc::new(InForce::new(roots, identity)));
        }
        Ok(replaced)
    }

    /// All files that it reads.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let identity = self.files.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        identity.chain(&self.files.authorities).cloned()
    }

    /// The file of the certificate that servers are shown, and how long that is valid.
    pub(crate) fn shown(&self) -> Option<(PathBuf, Validity)> {
        let (certificate, _) = self.files.identity.as_ref()?;
        Some((certificate.clone(), self.in_force.load().identity.as_ref()?.validity))
    }

    pub(super) fn connector(&self, offer: Offer) -> TlsConnector {
        let in_force = self.in_force.load();
        let config = match offer {
            Offer::Both => &in_force.both,
            Offer::Http1 => &in_force.http1,
            Offer::Http2 => &in_force.http2,
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
