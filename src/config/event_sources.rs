//! From the raw `[events]` to the options of its sources.

use super::raw_events::{RawEvents, RawPostgres, RawPostgresChanges};
use super::resolve::Resolver;
use super::table::Placed;
use crate::events::changes::mysql::MysqlChangesOptions;
use crate::events::changes::postgres::PostgresChangesOptions;
use crate::events::postgres::PostgresOptions;
use crate::events::postgres_server::PostgresServer;
use crate::events::webhook::Webhook;
use crate::fleet::options::FleetOptions;
use crate::tls::authorities;
use crate::upstream::system_roots;
use rustls::RootCertStore;
use tokio_postgres::config::SslMode;

/// The longest name that PostgreSQL keeps, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// So many replicas are asked at most.
const REPLICAS_MAX: usize = 32;

const FORM: &str = "url = \"postgres://user:password@127.0.0.1:5432/shop\"";

/// What `[events]` comes to.
pub(super) struct EventOptions {
    pub(super) postgres: Option<PostgresOptions>,
    pub(super) postgres_changes: Option<PostgresChangesOptions>,
    pub(super) mysql_changes: Option<MysqlChangesOptions>,
    pub(super) webhooks: Vec<Webhook>,
}

impl Resolver<'_> {
    /// `[events]`: what is listened to, the changes that are read, and the webhooks that are taken.
    pub(super) fn events(&mut self, raw: RawEvents, fleet: Option<&FleetOptions>) -> EventOptions {
        EventOptions {
            postgres: raw.postgres.and_then(|raw| self.postgres(&raw, fleet)),
            postgres_changes: raw.postgres_changes.and_then(|raw| self.postgres_changes(&raw, fleet)),
            mysql_changes: raw.mysql_changes.and_then(|raw| self.mysql_changes(&raw, fleet)),
            webhooks: self.webhooks(raw.webhook),
        }
    }

    /// `[events.postgres]`; `None` if there is no URL to connect to.
    fn postgres(&mut self, raw: &Placed<RawPostgres>, fleet: Option<&FleetOptions>) -> Option<PostgresOptions> {
        let RawPostgres { url, ca_file, channel: written } = &raw.value;
        if url.is_none() {
            self.missing_url(raw, "events.postgres", FORM);
        }
        let channel = written.as_ref().map_or("larder_events", |channel| channel.value.as_str());
        if let Some(written) = written
            && !(1..=NAME_BYTES_MAX).contains(&channel.len())
        {
            self.problems.error(&written.place, "not a valid channel name", Some("write 1 to 63 bytes"));
        }
        let server = self.postgres_server(url.as_ref()?, ca_file.as_ref(), application_name("larder", fleet))?;
        Some(PostgresOptions { server, channel: channel.to_owned() })
    }

    /// `[events.postgres_changes]`; `None` if there is no URL to connect to.
    fn postgres_changes(
        &mut self,
        raw: &Placed<RawPostgresChanges>,
        fleet: Option<&FleetOptions>,
    ) -> Option<PostgresChangesOptions> {
        let RawPostgresChanges { url, ca_file, publication, slot, replicas } = &raw.value;
        if url.is_none() {
            self.missing_url(raw, "events.postgres_changes", FORM);
        }
        if let Some(written) = publication
            && !(1..=NAME_BYTES_MAX).contains(&written.value.len())
        {
            self.problems.error(&written.place, "not a valid publication", Some("write 1 to 63 bytes"));
        }
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if let Some(written) = slot
            && !((1..=NAME_BYTES_MAX).contains(&written.value.len()) && written.value.bytes().all(is_plain))
        {
            let hint = "write 1 to 63 of a-z, 0-9 and _";
            self.problems.error(&written.place, "not a valid replication slot", Some(hint));
        }
        let server =
            self.postgres_server(url.as_ref()?, ca_file.as_ref(), application_name("larder-changes", fleet))?;
        let replicas = self.replicas(replicas.as_ref().map_or(&[], |list| &list.value), ca_file.as_ref(), fleet);
        let name = |written: &Option<Placed<String>>| {
            written.as_ref().map_or_else(|| "larder".to_owned(), |written| written.value.clone())
        };
        Some(PostgresChangesOptions { server, publication: name(publication), slot: name(slot), replicas })
    }

    /// Each is a server of its own: one that stands in for another says nothing of that one's readers.
    fn replicas(
        &mut self,
        written: &[Placed<String>],
        ca_file: Option<&Placed<String>>,
        fleet: Option<&FleetOptions>,
    ) -> Vec<PostgresServer> {
        if let Some(one_more) = written.get(REPLICAS_MAX) {
            let hint = "name a replica that replays as late as any of them";
            self.problems.error(&one_more.place, format!("more than {REPLICAS_MAX} replicas"), Some(hint));
        }
        let mut servers = Vec::new();
        for url in written {
            let ca_file = ca_file.filter(|_| url.value.contains("sslmode=require"));
            let server = self.postgres_server(url, ca_file, application_name("larder-replica", fleet));
            if server.as_ref().is_some_and(|server| server.connect.get_hosts().len() > 1) {
                let hint = "write one URL for each replica";
                self.problems.error(&url.place, "a replica is one host", Some(hint));
            }
            servers.extend(server);
        }
        servers
    }

    pub(super) fn missing_url<T>(&mut self, raw: &Placed<T>, section: &str, form: &str) {
        if !self.problems.has_errors_within(&raw.place) {
            self.problems.error(&raw.place, format!("`{section}.url` is missing"), Some(form));
        }
    }

    fn postgres_server(
        &mut self,
        url: &Placed<String>,
        ca_file: Option<&Placed<String>>,
        application_name: String,
    ) -> Option<PostgresServer> {
        let mut connect = match url.value.parse::<tokio_postgres::Config>() {
            Ok(connect) => connect,
            Err(error) => {
                // The error says what is wrong; the URL may hold a password, and the place shows it anyway.
                self.problems.error(&url.place, format!("not a valid PostgreSQL URL: {error}"), Some(FORM));
                return None;
            }
        };
        if connect.get_hosts().is_empty() {
            self.problems.error(&url.place, "the PostgreSQL URL names no host", Some(FORM));
            return None;
        }
        if let Some(file) = ca_file
            && connect.get_ssl_mode() != SslMode::Require
        {
            let hint = "add ?sslmode=require to the URL, or remove `ca_file`";
            self.problems.error(&file.place, "a `ca_file` is of no use without TLS", Some(hint));
        }
        connect.application_name(application_name);
        let is_secure = connect.get_ssl_mode() == SslMode::Require;
        let roots = ca_file
            .filter(|_| is_secure)
            .map(|file| self.usable(file, authorities).unwrap_or_else(RootCertStore::empty));
        Some(PostgresServer::new(connect, || roots.unwrap_or_else(system_roots)))
    }
}

/// One name for a fleet's connections to one source, and another for each instance that stands alone.
fn application_name(source: &str, fleet: Option<&FleetOptions>) -> String {
    let whose = match fleet {
        Some(fleet) => blake3::hash(format!("{} {}", fleet.url, fleet.names).as_bytes()).to_hex()[..16].to_owned(),
        None => format!("alone-{:08x}", rand::random::<u32>()),
    };
    format!("{source}-{whose}")
}
