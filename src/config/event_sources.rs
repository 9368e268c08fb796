//! From the raw `[events.postgres]` to its options.

use super::proxy_file::RawPostgres;
use super::resolve::Resolver;
use super::table::Placed;
use crate::events::postgres::PostgresOptions;
use crate::fleet::options::FleetOptions;
use tokio_postgres::config::SslMode;

/// The longest name that PostgreSQL keeps, in bytes.
const CHANNEL_BYTES_MAX: usize = 63;

impl Resolver<'_> {
    /// `[events.postgres]`; `None` if there is no URL to connect to.
    pub(super) fn postgres(
        &mut self,
        raw: &Placed<RawPostgres>,
        fleet: Option<&FleetOptions>,
    ) -> Option<PostgresOptions> {
        const FORM: &str = "url = \"postgres://user:password@127.0.0.1:5432/shop\"";
        let Some(url) = &raw.value.url else {
            if !self.problems.has_errors_within(&raw.place) {
                self.problems.error(&raw.place, "`events.postgres.url` is missing", Some(FORM));
            }
            return None;
        };
        let channel = raw.value.channel.as_ref().map_or("larder_events", |channel| channel.value.as_str());
        if let Some(written) = &raw.value.channel
            && !(1..=CHANNEL_BYTES_MAX).contains(&channel.len())
        {
            self.problems.error(&written.place, "not a valid channel name", Some("write 1 to 63 bytes"));
        }
        match url.value.parse::<tokio_postgres::Config>() {
            Ok(connect) if connect.get_ssl_mode() == SslMode::Require => {
                let hint = "reach it over loopback or a tunnel, and leave out sslmode=require";
                self.problems.error(&url.place, "TLS to PostgreSQL is not supported", Some(hint));
                None
            }
            Ok(mut connect) => {
                connect.application_name(application_name(fleet));
                Some(PostgresOptions { connect, channel: channel.to_owned() })
            }
            Err(error) => {
                // The error says what is wrong; the URL may hold a password, and the place shows it anyway.
                self.problems.error(&url.place, format!("not a valid PostgreSQL URL: {error}"), Some(FORM));
                None
            }
        }
    }
}

/// One name for the connections of a fleet, and another for each instance that stands alone.
fn application_name(fleet: Option<&FleetOptions>) -> String {
    let whose = match fleet {
        Some(fleet) => blake3::hash(format!("{} {}", fleet.url, fleet.names).as_bytes()).to_hex()[..16].to_owned(),
        None => format!("alone-{:08x}", rand::random::<u32>()),
    };
    format!("larder-{whose}")
}
