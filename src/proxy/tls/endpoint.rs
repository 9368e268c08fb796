//! One listener's side of TLS: its certificates, and what connections are set up with.

use super::chooser::Chooser;
use super::options::{IdentityFiles, MinVersion, TlsOptions};
use super::under_way::{Handshake, UnderWay};
use crate::proxy::open_error::OpenError;
use crate::tls::{FileFailure, Identity, authorities, provider};
use arc_swap::ArcSwap;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Handshakes under way on one listener.
const HANDSHAKES_MAX: usize = 1024;

/// What is spoken over TLS (ALPN, RFC 7301), what is liked best first.
pub(in crate::proxy) type Protocols = &'static [&'static [u8]];

/// Over TCP.
pub(in crate::proxy) const OVER_TCP: Protocols = &[b"h2", b"http/1.1"];
/// Over QUIC.
#[cfg(feature = "http3")]
pub(in crate::proxy) const OVER_QUIC: Protocols = &[b"h3"];

/// A listener's TLS.
pub(crate) struct TlsEndpoint {
    options: TlsOptions,
    protocols: Protocols,
    /// Shared by all configurations, so that sessions outlive a change of certificates.
    ticketer: Arc<dyn ProducesTickets>,
    in_force: ArcSwap<InForce>,
    reloading: Mutex<()>,
    pub(super) under_way: UnderWay,
}

impl fmt::Debug for TlsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsEndpoint").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What new connections get.
struct InForce {
    /// In the order of the options.
    identities: Vec<Identity>,
    /// Who vouches for clients; `None` if they need no certificate.
    authorities: Option<Arc<RootCertStore>>,
    config: Arc<ServerConfig>,
}

/// What reading the files again came to.
#[derive(Debug)]
pub(crate) struct Reload {
    /// The files of certificates and authorities that were replaced.
    pub replaced: Vec<PathBuf>,
    /// What can't be used; what was there before stays.
    pub failures: Vec<FileFailure>,
}

impl TlsEndpoint {
    /// Reads the certificates.
    ///
    /// # Errors
    /// Where a file can't be used.
    pub(in crate::proxy) fn open(options: TlsOptions, protocols: Protocols) -> Result<Self, OpenError> {
        let load = |files: &IdentityFiles| Identity::load(&files.certificate, &files.key);
        let identities = options.identities.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let ticketer = rustls::crypto::ring::Ticketer::new()?;
        let authorities = options.client_ca.as_deref().map(authorities).transpose()?.map(Arc::new);
        let config = server_config((&options, protocols), &identities, authorities.as_ref(), &ticketer)?;
        Ok(Self {
            options,
            protocols,
            ticketer,
            in_force: ArcSwap::from_pointee(InForce { identities, authorities, config }),
            reloading: Mutex::default(),
            under_way: UnderWay::new(HANDSHAKES_MAX),
        })
    }

    /// As [`Self::open`], for the admin API, which speaks HTTP/1.1.
    ///
    /// # Errors
    /// Where a file can't be used.
    pub(crate) fn of_admin(options: TlsOptions) -> Result<Self, OpenError> {
        Self::open(options, &[b"http/1.1"])
    }

    /// What a new connection is set up with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.in_force.load().config)
    }

    /// One more handshake begins.
    pub(in crate::proxy) fn begin_handshake(&self) -> Handshake<'_> {
        self.under_way.begin()
    }

    /// How many handshakes are under way.
    #[cfg(feature = "http3")]
    pub(in crate::proxy) fn handshakes(&self) -> usize {
        self.under_way.count()
    }

    /// Reads the files again and puts what has changed in force for new connections. What can't be used changes nothing.
    /// Blocks on the file system.
    pub(crate) fn reload(&self) -> Reload {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force.load_full();
        let mut identities = before.identities.clone();
        let mut reload = Reload { replaced: Vec::new(), failures: Vec::new() };
        for (files, identity) in self.options.identities.iter().zip(&mut identities) {
            match Identity::load(&files.certificate, &files.key) {
                Ok(new) if new.certified.cert == identity.certified.cert => {}
                Ok(new) => {
                    *identity = new;
                    reload.replaced.push(files.certificate.clone());
                }
                Err(failure) => reload.failures.push(failure),
            }
        }
        let mut vouching = before.authorities.clone();
        match self.options.client_ca.as_deref().map(authorities).transpose() {
            Ok(new) if new.as_ref().map(|new| &new.roots) == vouching.as_ref().map(|old| &old.roots) => {}
            Ok(new) => {
                vouching = new.map(Arc::new);
                reload.replaced.extend(self.options.client_ca.clone());
            }
            Err(failure) => reload.failures.push(failure),
        }
        if reload.replaced.is_empty() {
            return reload;
        }
        match server_config((&self.options, self.protocols), &identities, vouching.as_ref(), &self.ticketer) {
            Ok(config) => self.in_force.store(Arc::new(InForce { identities, authorities: vouching, config })),
            // The versions and algorithms are those of the start, which were good.
            Err(error) => tracing::error!(%error, "the new certificates could not be put in force"),
        }
        reload
    }

    /// All files that it reads.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let of_servers = self.options.identities.iter().flat_map(|files| [&files.certificate, &files.key]);
        of_servers.chain(&self.options.client_ca).cloned().collect()
    }

    /// The certificates in force and their files, in the order of the configuration.
    #[must_use]
    pub(crate) fn identities(&self) -> Vec<(IdentityFiles, Identity)> {
        self.options.identities.iter().cloned().zip(self.in_force.load().identities.iter().cloned()).collect()
    }
}

fn server_config(
    (options, protocols): (&TlsOptions, Protocols),
    identities: &[Identity],
    authorities: Option<&Arc<RootCertStore>>,
    ticketer: &Arc<dyn ProducesTickets>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let versions: &[&SupportedProtocolVersion] = match options.min_version {
        MinVersion::Tls12 => &[&TLS13, &TLS12],
        MinVersion::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
    let chooser = Arc::new(Chooser::new(identities));
    let mut config = match authorities {
        None => builder.with_no_client_auth().with_cert_resolver(chooser),
        Some(authorities) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(authorities), provider()).build();
            let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.with_client_cert_verifier(verifier).with_cert_resolver(chooser)
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    if authorities.is_some() {
        // A session that is resumed would not be asked for its certificate again, which may have ended or lost its issuer.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Arc::clone(ticketer);
    }
    // A request in early data could be sent again by anyone who has seen it (RFC 8470).
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
