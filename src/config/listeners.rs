//! `[listen]`: the addresses, and the certificates of those that speak TLS.

use super::problem::{Place, Problem};
use super::raw_listen::{OneOrMore, RawHttps, RawListen};
use super::resolve::Resolver;
use super::table::Placed;
use crate::clock::{Clock as _, SystemClock};
use crate::proxy::tls::{IdentityFiles, MinVersion, TlsOptions};
use crate::proxy::{ListenAddress, ListenerOptions, Speaks};
use crate::tls::{FileFailure, Identity, authorities};
use std::path::Path;

/// Where clients are waited for unless the file says so.
const DEFAULT: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

/// What the path of a Unix socket is written behind.
const UNIX: &str = "unix:";

/// The longest path of a Unix socket.
const UNIX_PATH_BYTES_MAX: usize = 107;

impl Resolver<'_> {
    /// The listeners of the data port, and the place of the first one's address. `argument` takes the place of `listen.http`.
    pub(super) fn listeners(
        &mut self,
        raw: &mut RawListen,
        argument: Option<&str>,
    ) -> (Vec<ListenerOptions>, Option<Place>) {
        if let Some(text) = argument {
            let place = Place::argument("--listen", text);
            let one = Placed { value: text.to_owned(), place: place.clone() };
            raw.http = Some(Placed { value: OneOrMore(vec![one]), place });
        }
        let place = raw.http.as_ref().map(|http| http.place.clone());
        let place = place.or_else(|| Some(raw.https.as_ref()?.value.address.as_ref()?.place.clone()));
        let mut listeners = Vec::new();
        match &raw.http {
            Some(http) => listeners.extend(self.all_of(http, &Speaks::Http)),
            None if raw.https.is_some() => {}
            None => {
                listeners.push(ListenerOptions { address: ListenAddress::Tcp(DEFAULT.into()), speaks: Speaks::Http });
            }
        }
        if let Some(https) = &raw.https {
            listeners.extend(self.https(https));
        }
        if let Some(http3) = &raw.http3 {
            let secure = listeners.iter().find_map(|listener| match &listener.speaks {
                Speaks::Https(tls) => Some(tls.clone()),
                Speaks::Http | Speaks::Http3(_) => None,
            });
            listeners.extend(self.http3(http3, secure, raw));
        }
        (listeners, place)
    }

    pub(super) fn all_of(&mut self, addresses: &Placed<OneOrMore>, speaks: &Speaks) -> Vec<ListenerOptions> {
        if addresses.value.0.is_empty() {
            let hint = "write an address, or leave the key out";
            self.problems.error(&addresses.place, "there is no address in the list", Some(hint));
        }
        let listener = |address| ListenerOptions { address, speaks: speaks.clone() };
        addresses.value.0.iter().filter_map(|written| self.listen_address(written)).map(listener).collect()
    }

    fn listen_address(&mut self, written: &Placed<String>) -> Option<ListenAddress> {
        let Some(path) = written.value.strip_prefix(UNIX) else {
            return self.socket_address(written).map(ListenAddress::Tcp);
        };
        let path = self.folder.join(path);
        let bytes = path.as_os_str().len();
        if bytes > UNIX_PATH_BYTES_MAX || written.value == UNIX {
            let hint = format!("write `unix:` and a path of at most {UNIX_PATH_BYTES_MAX} bytes");
            let message = format!("`{}` is not the path of a Unix socket", written.value);
            self.problems.error(&written.place, message, Some(hint));
            return None;
        }
        Some(ListenAddress::Unix(path))
    }

    fn https(&mut self, raw: &Placed<RawHttps>) -> Vec<ListenerOptions> {
        let RawHttps { address, certificate, key, certificates, min_version, client_ca, client_subject: _ } =
            &raw.value;
        let mut identities = Vec::new();
        match (certificate, key) {
            (Some(certificate), key) => identities.push(self.identity(certificate, key.as_ref())),
            (None, Some(key)) => {
                let hint = "name the certificate that it belongs to: certificate = \"tls/shop.pem\"";
                self.problems.error(&key.place, "a key without a certificate", Some(hint));
            }
            (None, None) => {}
        }
        for further in certificates.iter().flat_map(|certificates| &certificates.value) {
            match &further.value.certificate {
                Some(certificate) => identities.push(self.identity(certificate, further.value.key.as_ref())),
                None if self.problems.has_errors_within(&further.place) => {}
                None => {
                    let hint = "write { certificate = \"tls/shop.pem\", key = \"tls/shop.key\" }";
                    self.problems.error(&further.place, "`certificate` is missing", Some(hint));
                }
            }
        }
        let is_understood = !self.problems.has_errors_within(&raw.place);
        if certificate.is_none() && certificates.as_ref().is_none_or(|list| list.value.is_empty()) && is_understood {
            let hint = "name a certificate and its key: certificate = \"tls/shop.pem\", key = \"tls/shop.key\"";
            self.problems.error(&raw.place, "`listen.https` has no certificate", Some(hint));
        }
        let Some(address) = address else {
            if is_understood {
                let hint = "write where to listen: address = \"0.0.0.0:8443\"";
                self.problems.error(&raw.place, "`listen.https.address` is missing", Some(hint));
            }
            return Vec::new();
        };
        let client_ca = client_ca.as_ref().map(|file| {
            let path = self.folder.join(&file.value);
            if let Err(failure) = authorities(&path) {
                self.file_failure(file, &failure);
            }
            path
        });
        let min_version = min_version.as_ref().map_or(MinVersion::Tls12, |version| version.value.0);
        self.all_of(address, &Speaks::Https(TlsOptions { identities, min_version, client_ca }))
    }

    /// A certificate and its key, which are read to see whether they can be used.
    pub(super) fn identity(&mut self, certificate: &Placed<String>, key: Option<&Placed<String>>) -> IdentityFiles {
        let key_or_both = key.unwrap_or(certificate);
        let [certificate_file, key_file] = [certificate, key_or_both].map(|file| self.folder.join(&file.value));
        match Identity::load(&certificate_file, &key_file) {
            Ok(identity) => {
                if let Some(warning) = identity.validity.warning(SystemClock::default().now()) {
                    let hint = "renew it; the new file is used without a restart";
                    let message = format!("the certificate `{}` {warning}", certificate.value);
                    self.problems.push(Problem::warning(&certificate.place, message, hint));
                }
            }
            Err(failure) => {
                let is_of_key = failure.path() == Path::new(&key_file) && key_file != certificate_file;
                self.file_failure(if is_of_key { key_or_both } else { certificate }, &failure);
            }
        }
        IdentityFiles { certificate: certificate_file, key: key_file }
    }

    /// A file with certificates or a key that can't be used.
    pub(super) fn file_failure(&mut self, file: &Placed<String>, failure: &FileFailure) {
        self.problems.error(&file.place, failure.to_string(), Some(failure.hint()));
    }
}
