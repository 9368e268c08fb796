//! From the raw `[events.mysql_changes]` to its options.

use super::raw_mysql::RawMysqlChanges;
use super::resolve::Resolver;
use super::table::Placed;
use crate::events::changes::mysql::{MysqlChangesOptions, MysqlServer};
use crate::fleet::options::FleetOptions;
use crate::tls::authorities_in_der;
use mysql_async::Opts;

const FORM: &str = "url = \"mysql://user:password@127.0.0.1:3306/shop\"";

/// Numbers that are made up are in the upper half: people give small ones.
const MADE_UP: u32 = 1 << 31;

impl Resolver<'_> {
    /// `[events.mysql_changes]`; `None` if there is no URL to connect to.
    pub(super) fn mysql_changes(
        &mut self,
        raw: &Placed<RawMysqlChanges>,
        fleet: Option<&FleetOptions>,
    ) -> Option<MysqlChangesOptions> {
        let RawMysqlChanges { url, ca_file, server_id: written } = &raw.value;
        let Some(url) = url else {
            self.missing_url(raw, "events.mysql_changes", FORM);
            return None;
        };
        let given = written.as_ref().map(|number| (u32::try_from(number.value).unwrap_or_default(), &number.place));
        if let Some((0, place)) = given {
            self.problems.error(place, "not a valid number of a server", Some("write 1 to 4294967295"));
        }
        let server = self.mysql_server(url, ca_file.as_ref())?;
        Some(MysqlChangesOptions { server, server_id: given.map_or_else(|| made_up(fleet), |(number, _)| number) })
    }

    fn mysql_server(&mut self, url: &Placed<String>, ca_file: Option<&Placed<String>>) -> Option<MysqlServer> {
        let opts = match Opts::from_url(&url.value) {
            Ok(opts) => opts,
            Err(error) => {
                // The error says what is wrong; the URL may hold a password, and the place shows it anyway.
                self.problems.error(&url.place, format!("not a valid MySQL URL: {error}"), Some(FORM));
                return None;
            }
        };
        let tls = opts.ssl_opts();
        if tls.is_some_and(|tls| tls.accept_invalid_certs() || tls.skip_domain_validation()) {
            let hint = "remove `verify_ca` and `verify_identity`; `ca_file` says who is trusted";
            self.problems.error(&url.place, "the server's certificate is always verified", Some(hint));
        }
        if let Some(file) = ca_file
            && tls.is_none()
        {
            let hint = "add ?require_ssl=true to the URL, or remove `ca_file`";
            self.problems.error(&file.place, "a `ca_file` is of no use without TLS", Some(hint));
        }
        let authorities =
            ca_file.filter(|_| tls.is_some()).map(|file| self.usable(file, authorities_in_der).unwrap_or_default());
        Some(MysqlServer::new(&opts, || authorities.unwrap_or_else(system_authorities)))
    }
}

/// Whom the system trusts, in DER.
fn system_authorities() -> Vec<Vec<u8>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "certificates that the system trusts can't be read");
    }
    found.certs.into_iter().map(|certificate| certificate.to_vec()).collect()
}

/// One number for a fleet, and another for each instance that stands alone.
fn made_up(fleet: Option<&FleetOptions>) -> u32 {
    let number = match fleet {
        Some(fleet) => {
            let hash = blake3::hash(format!("{} {}", fleet.url, fleet.names).as_bytes());
            u32::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
        }
        None => rand::random(),
    };
    number | MADE_UP
}
