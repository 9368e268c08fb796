//! A connection to an admin API: in clear text, or over TLS where its URL says https.

use crate::callout::{self, AnyError, believing, tls_builder};
use crate::config::AdminOptions;
use crate::tls::{Identity, authorities, provider};
use crate::upstream::system_roots;
use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How an admin API at an https URL is believed.
#[derive(Debug, Args)]
pub(super) struct TlsArguments {
    /// The authorities, a PEM file, that an admin API at an https URL is believed by [default: the system's].
    #[arg(long = "admin-ca", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A certificate, a PEM file, to show where the admin API asks for one.
    #[arg(long = "admin-certificate", value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Its key, a PEM file [default: the file of the certificate].
    #[arg(long = "admin-key", value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

#[cfg(test)]
impl TlsArguments {
    /// Where nothing is said of it.
    pub(super) const NONE: Self = Self { ca: None, certificate: None, key: None };
}

/// Whom the caller believes, and what it shows of itself.
#[derive(Debug, Clone)]
pub(super) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// As the command line says: `--admin-ca`, or the system's authorities; `--admin-certificate` and `--admin-key`.
    ///
    /// # Errors
    /// Where a file can't be used.
    pub(super) fn of(arguments: &TlsArguments) -> anyhow::Result<Self> {
        let roots = match &arguments.ca {
            Some(file) => authorities(file)?,
            None => system_roots(),
        };
        Ok(Self(Arc::new(showing(identity(arguments)?, believing(roots)?))))
    }

    /// The instance of a configuration on this machine, which shows the very certificate that the configuration names.
    ///
    /// # Errors
    /// Where a file can't be used.
    pub(super) fn of_configured(options: &AdminOptions, arguments: &TlsArguments) -> anyhow::Result<Option<Self>> {
        let Some(files) = options.tls.as_ref().and_then(|tls| tls.identities.first()) else { return Ok(None) };
        let shown = Identity::load(&files.certificate, &files.key)?;
        let certificate = shown.certified.cert.first().cloned().context("the certificate of [admin] tls is empty")?;
        let builder =
            tls_builder()?.dangerous().with_custom_certificate_verifier(Arc::new(PinnedCertificate(certificate)));
        Ok(Some(Self(Arc::new(showing(identity(arguments)?, builder)))))
    }
}

fn showing(identity: Option<Identity>, builder: rustls::ConfigBuilder<ClientConfig, WantsClientCert>) -> ClientConfig {
    match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified))),
        None => builder.with_no_client_auth(),
    }
}

fn identity(arguments: &TlsArguments) -> anyhow::Result<Option<Identity>> {
    let Some(certificate) = &arguments.certificate else { return Ok(None) };
    let key: &Path = arguments.key.as_deref().unwrap_or(certificate);
    Ok(Some(Identity::load(certificate, key)?))
}

/// Connects to where a URL leads, and speaks HTTP/1.1 there.
///
/// # Errors
/// If there is no answer, or not the expected one.
pub(super) async fn connect(base: &Uri, trust: Option<&Trust>) -> Result<SendRequest<Full<Bytes>>, AnyError> {
    callout::connect(base, trust.map(|trust| &trust.0)).await
}

/// Believes one certificate, whatever it says.
#[derive(Debug)]
struct PinnedCertificate(CertificateDer<'static>);

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.0 == *shown {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::General("the certificate shown is not the one of [admin] tls".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
