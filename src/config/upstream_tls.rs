//! `upstream.tls`: whom servers of `https://` must be vouched for by, and what they are shown.

use super::problem::Problem;
use super::raw_upstream::RawUpstreamTls;
use super::resolve::Resolver;
use super::table::Placed;
use crate::clock::{Clock, SystemClock};
use crate::tls::{FileFailure, Identity, authorities};
use crate::upstream::{ServerOptions, TlsFiles, TlsOptions, server_name, system_roots};
use rustls::RootCertStore;

impl Resolver<'_> {
    /// Resolves it for a pool of these servers; `None` if nobody needs it.
    pub(super) fn upstream_tls(
        &mut self,
        raw: Option<Placed<RawUpstreamTls>>,
        servers: &[ServerOptions],
    ) -> Option<TlsOptions> {
        let is_needed = servers.iter().any(|server| server.url.is_secure());
        let Some(Placed { value: raw, place }) = raw else { return is_needed.then(TlsOptions::system) };
        if !is_needed && !servers.is_empty() {
            let hint = "write https:// where they do, or remove `tls`";
            self.problems.push(Problem::warning(&place, "no server of this pool speaks TLS", hint));
        }
        let name = raw.server_name.as_ref().and_then(|written| {
            let name = server_name(&written.value);
            if name.is_none() {
                let hint = "write a host without a port: \"api.internal\"";
                let message = format!("`{}` is not a name that a certificate can carry", written.value);
                self.problems.error(&written.place, message, Some(hint));
            }
            name
        });
        let roots = match &raw.ca_file {
            Some(file) => self.usable(file, authorities).unwrap_or_else(RootCertStore::empty),
            None => system_roots(),
        };
        let identity = match (&raw.certificate, &raw.key) {
            (Some(certificate), key) => self.client_identity(certificate, key.as_ref().unwrap_or(certificate)),
            (None, None) => None,
            (None, Some(written)) => {
                let hint = "name the file with the certificate that the key belongs to";
                self.problems.error(&written.place, "`tls.certificate` is missing", Some(hint));
                None
            }
        };
        let at = |file: &Placed<String>| self.folder.join(&file.value);
        let files = TlsFiles {
            authorities: raw.ca_file.as_ref().map(at),
            identity: raw.certificate.as_ref().map(|certificate| {
                let key = raw.key.as_ref().unwrap_or(certificate);
                (at(certificate), at(key))
            }),
        };
        Some(TlsOptions::new(roots, identity, files, name))
    }

    fn client_identity(&mut self, certificate: &Placed<String>, key: &Placed<String>) -> Option<Identity> {
        let file = self.folder.join(&key.value);
        let identity = self.usable(certificate, |path| Identity::load(path, &file))?;
        if let Some(warning) = identity.validity.warning(SystemClock::default().now()) {
            let message = format!("the certificate `{}` {warning}", certificate.value);
            let hint = "renew it; the new file is used without a restart";
            self.problems.push(Problem::warning(&certificate.place, message, hint));
        }
        Some(identity)
    }

    /// What is read from a file that the configuration names.
    pub(super) fn usable<T>(
        &mut self,
        written: &Placed<String>,
        read: impl FnOnce(&std::path::Path) -> Result<T, FileFailure>,
    ) -> Option<T> {
        let read = read(&self.folder.join(&written.value));
        read.map_err(|failure| self.problems.error(&written.place, failure.to_string(), Some(failure.hint()))).ok()
    }
}
