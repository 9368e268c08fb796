//! Which certificate a client is shown.

use crate::tls::Identity;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// Chooses by the host that a client asks for (RFC 6066 section 3), among those for it by what the client can verify.
#[derive(Debug)]
pub(super) struct Chooser {
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
    default: Vec<Arc<CertifiedKey>>,
}

impl Chooser {
    /// Among these; the first is for clients that ask for no host or for one that none is for.
    pub(super) fn new(identities: &[Identity]) -> Self {
        let mut by_name: HashMap<String, Vec<Arc<CertifiedKey>>> = HashMap::new();
        for identity in identities {
            for name in &identity.names {
                by_name.entry(name.clone()).or_default().push(Arc::clone(&identity.certified));
            }
        }
        let default = identities.first();
        let like_it = default.map(|default| {
            let of_the_same_names = |other: &&Identity| other.names == default.names;
            identities.iter().filter(of_the_same_names).map(|identity| Arc::clone(&identity.certified)).collect()
        });
        Self { by_name, default: like_it.unwrap_or_default() }
    }

    /// Those for a host: by its whole name, else by a wildcard for its first label (RFC 9525 section 6.3), else the default.
    fn candidates(&self, host: Option<&str>) -> &[Arc<CertifiedKey>] {
        let named = host.and_then(|host| {
            let host = host.to_ascii_lowercase();
            let wildcard = || host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
            self.by_name.get(&host).or_else(|| self.by_name.get(&wildcard()?))
        });
        named.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(hello.server_name());
        let can_verify = |it: &&Arc<CertifiedKey>| it.key.choose_scheme(hello.signature_schemes()).is_some();
        candidates.iter().find(can_verify).or_else(|| candidates.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn identity(folder: &std::path::Path, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let path = folder.join("both.pem");
        std::fs::write(&path, certificate.pem() + &key.serialize_pem()).unwrap();
        Identity::load(&path, &path).unwrap()
    }

    #[test]
    fn a_host_gets_its_own_certificate_then_a_wildcard_then_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<Identity> = [&["first.example"][..], &["Shop.example", "www.shop.example"], &["*.shop.example"]]
            .map(|names| identity(folder.path(), names))
            .into();
        let chooser = Chooser::new(&all);
        for (host, expected) in [
            (None, 0),
            (Some("first.example"), 0),
            (Some("unknown.example"), 0),
            (Some("shop.example"), 1),
            (Some("SHOP.example"), 1),
            (Some("www.shop.example"), 1),
            (Some("api.shop.example"), 2),
            (Some("a.api.shop.example"), 0),
            (Some("localhost"), 0),
        ] {
            let chosen = chooser.candidates(host);
            assert!(Arc::ptr_eq(&chosen[0], &all[expected].certified), "{host:?}");
        }
    }

    #[test]
    fn certificates_for_one_host_are_all_candidates() {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<Identity> = (0..2).map(|_| identity(folder.path(), &["shop.example"])).collect();
        let chooser = Chooser::new(&all);
        for host in [None, Some("shop.example")] {
            assert_eq!(chooser.candidates(host).len(), 2, "{host:?}");
        }
    }
}
