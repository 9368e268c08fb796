//! A certificate with its key: what one side of a connection shows to prove who it is.

use super::failure::{Cause, FileFailure};
use super::{Validity, pem, provider};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};
use std::path::Path;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A chain of certificates, one's own first, and the private key of that one.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Chain and key, as rustls takes them for servers and clients.
    pub certified: Arc<CertifiedKey>,
    /// How long the first certificate is valid.
    pub validity: Validity,
    /// The DNS names that the first certificate is for, in lower case; a wildcard as `*.example.com`.
    pub names: Vec<String>,
}

impl Identity {
    /// Reads the chain and the key, which may lie in one file. Whether it has expired is not looked at.
    ///
    /// # Errors
    /// Where a file can't be used, or the two don't belong together.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, FileFailure> {
        let chain = pem::certificates(certificate)?;
        let unreadable = |reason| FileFailure::new(certificate, Cause::BadCertificate(reason));
        let known = chain.iter().map(known_of).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let unusable = |error: Error| FileFailure::new(key, Cause::UnknownKey(error.to_string()));
        let signing = provider().key_provider.load_private_key(pem::private_key(key)?).map_err(unusable)?;
        let fits = |from: usize| fits(chain.get(from..).unwrap_or_default(), &signing);
        let Some((validity, names)) = known.into_iter().next().filter(|_| fits(0)) else {
            let is_later = (1..chain.len()).any(fits);
            let cause = if is_later { Cause::KeyOfLaterCertificate } else { Cause::OtherKey };
            return Err(FileFailure::new(key, cause(certificate.to_owned())));
        };
        Ok(Self { validity, names, certified: Arc::new(CertifiedKey::new(chain, signing)) })
    }
}

/// How long a certificate is valid, and for which names; or why it can't be read.
fn known_of(certificate: &CertificateDer<'_>) -> Result<(Validity, Vec<String>), String> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let dns = names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Ok((Validity::of(&certificate), dns.collect()))
}

/// Whether the key is that of the first of these certificates. A key that doesn't give its public half is accepted.
fn fits(chain: &[CertificateDer<'static>], key: &Arc<dyn SigningKey>) -> bool {
    let matches = CertifiedKey::new(chain.to_vec(), Arc::clone(key)).keys_match();
    matches!(matches, Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)))
}
