//! Reading PEM files.

use super::failure::{Cause, FileFailure};
use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// The certificates in a file, in its order: at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileFailure> {
    let failed = |cause| FileFailure::new(path, cause);
    let text = text(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| failed(Cause::NotPem(reason(&error))))?;
    if certificates.is_empty() { Err(failed(Cause::NoCertificate)) } else { Ok(certificates) }
}

/// The one private key in a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileFailure> {
    let failed = |cause| FileFailure::new(path, cause);
    let text = text(path)?;
    if is_encrypted(&text) {
        return Err(failed(Cause::EncryptedKey));
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(&text);
    let key = match keys.next() {
        Some(Ok(key)) => key,
        Some(Err(error)) => return Err(failed(Cause::NotPem(reason(&error)))),
        None => return Err(failed(Cause::NoKey)),
    };
    if keys.next().is_some() { Err(failed(Cause::SeveralKeys)) } else { Ok(key) }
}

/// The authorities in a file, each of which is believed: for `ca_file` and `client_ca`.
///
/// # Errors
/// Where the file can't be read, holds no certificate, or one that can't be used.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, FileFailure> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| FileFailure::new(path, Cause::BadCertificate(error.to_string())))?;
    }
    Ok(store)
}

/// As [`authorities`], for who reads certificates itself: each in DER.
///
/// # Errors
/// As [`authorities`].
pub(crate) fn authorities_in_der(path: &Path) -> Result<Vec<Vec<u8>>, FileFailure> {
    authorities(path)?;
    Ok(certificates(path)?.into_iter().map(|certificate| certificate.to_vec()).collect())
}

fn text(path: &Path) -> Result<Vec<u8>, FileFailure> {
    match std::fs::read(path) {
        Ok(text) if text.trim_ascii().is_empty() => Err(FileFailure::new(path, Cause::Empty)),
        Ok(text) => Ok(text),
        Err(error) => Err(FileFailure::new(path, Cause::Unreadable(error))),
    }
}

/// Whether a key in the text can be read only with a password: PKCS #8 says so in its first line, the older forms in a field.
fn is_encrypted(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY") || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}

/// What the reader found, without the bytes of a key that its own text shows.
fn reason(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a section has no end",
        Error::IllegalSectionStart { .. } => "the first line of a section is malformed",
        Error::Base64Decode(_) => "a section holds something else than Base64",
        _ => "a section cannot be read",
    }
    .to_owned()
}
