//! An authority of a test's own, and the certificates that it makes.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::path::{Path, PathBuf};

/// Who vouches for servers and clients, with its own certificate in PEM.
pub struct Authority {
    /// Its certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Whether a certificate is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Valid,
    /// It has ended years ago.
    Expired,
}

impl Authority {
    /// One of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("ring makes keys");
        let pem = params.self_signed(&key).expect("the parameters are sound").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The certificate and the key of one with these names or addresses, in PEM.
    #[must_use]
    pub fn vouch_for(&self, names: &[&str]) -> [String; 2] {
        self.vouch(names, Validity::Valid)
    }

    /// The same, perhaps no longer valid.
    #[must_use]
    pub fn vouch(&self, names: &[&str], validity: Validity) -> [String; 2] {
        let key = KeyPair::generate().expect("ring makes keys");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("they are names");
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("nobody", |name| name.as_str()));
        if validity == Validity::Expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are sound");
        [certificate.pem(), key.serialize_pem()]
    }

    /// Writes its certificate as `ca.pem`, and a certificate and key for these names as `cert.pem` and `key.pem`.
    #[must_use]
    pub fn write_for(&self, folder: &Path, names: &[&str], validity: Validity) -> Files {
        let [certificate, key] = self.vouch(names, validity);
        let ca = written(folder, "ca.pem", &self.pem);
        Files { ca, certificate: written(folder, "cert.pem", &certificate), key: written(folder, "key.pem", &key) }
    }
}

/// What programs are started with.
#[derive(Debug, Clone)]
pub struct Files {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Writes a file.
#[must_use]
pub fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("the folder takes a file");
    file
}
