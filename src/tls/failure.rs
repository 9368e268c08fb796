//! Why a file with certificates or a key can't be used.

use std::io;
use std::path::{Path, PathBuf};

/// A file that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be used: {cause}", .path.display())]
pub(crate) struct FileFailure {
    path: PathBuf,
    #[source]
    cause: Cause,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    /// The system does not let it be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It holds nothing.
    #[error("the file is empty")]
    Empty,
    /// It begins a section of PEM that is not one.
    #[error("not PEM: {0}")]
    NotPem(String),
    /// No certificate is in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// What stands where a certificate should is none.
    #[error("a certificate in it cannot be read: {0}")]
    BadCertificate(String),
    /// No private key is in it.
    #[error("there is no private key in it")]
    NoKey,
    /// There are several, and nobody says which is meant.
    #[error("there is more than one private key in it")]
    SeveralKeys,
    /// The key can be read only with a password.
    #[error("the private key is encrypted")]
    EncryptedKey,
    /// The key is of a kind that is not supported.
    #[error("the private key is of a kind that cannot be used: {0}")]
    UnknownKey(String),
    /// The key belongs to another certificate.
    #[error("the private key does not fit the certificate in `{}`", .0.display())]
    OtherKey(PathBuf),
    /// The key belongs to a certificate, but not to the first one.
    #[error("the private key fits a certificate in `{}`, but not the first one", .0.display())]
    KeyOfLaterCertificate(PathBuf),
}

impl FileFailure {
    pub(super) fn new(path: &Path, cause: Cause) -> Self {
        Self { path: path.to_owned(), cause }
    }

    /// The file.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How to mend it.
    #[must_use]
    pub(crate) fn hint(&self) -> &'static str {
        match &self.cause {
            Cause::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "let the user that Larder runs as read it"
            }
            Cause::Unreadable(_) => "name a PEM file; a relative path is relative to the folder of the configuration",
            Cause::Empty => "a renewal may have failed halfway: write the file anew",
            Cause::NotPem(_) => "write PEM: text between `-----BEGIN …-----` and `-----END …-----`",
            Cause::NoCertificate => {
                "write certificates in PEM (`-----BEGIN CERTIFICATE-----`); \
                 `openssl x509 -inform der -in FILE` makes PEM of DER"
            }
            Cause::BadCertificate(_) => "`openssl x509 -noout -text -in FILE` shows what a certificate says",
            Cause::NoKey => "write the private key in PEM: `-----BEGIN PRIVATE KEY-----`, or one of RSA or EC",
            Cause::SeveralKeys => "leave the one that belongs to the certificate",
            Cause::EncryptedKey => "decrypt it: `openssl pkey -in FILE -out NEW`, readable by Larder's user alone",
            Cause::UnknownKey(_) => "use RSA of at least 2048 bits, ECDSA on P-256, P-384 or P-521, or Ed25519",
            Cause::OtherKey(_) => "name the key and the certificate that were made together",
            Cause::KeyOfLaterCertificate(_) => {
                "put the server's or client's own certificate first, those of its issuers after it"
            }
        }
    }
}
