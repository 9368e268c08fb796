//! From the raw `[redis]` to its options.

use super::Overrides;
use super::problem::{Place, Problems};
use super::proxy_file::{RawRedis, table};
use super::resolve::{Resolver, replace};
use super::table::Placed;
use super::values::DurationText;
use crate::fleet::address::Address;
use crate::fleet::names::Names;
use crate::fleet::options::FleetOptions;
use std::path::Path;
use std::time::Duration;

/// The longest that one Redis operation may hold up a request.
const TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// Partition grace within which leases are renewed often enough and still end in a useful time.
const GRACE: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

/// The longest that a start waits for the log of purges.
const JOIN_WAIT_MAX: Duration = Duration::from_mins(1);

/// The shortest time for which purges are remembered.
const RETENTION_MIN: Duration = Duration::from_mins(1);

impl Resolver<'_> {
    /// `[redis]` where it is written or `--redis` is given.
    pub(super) fn fleet_of(&mut self, raw: Option<Placed<RawRedis>>, overrides: &Overrides) -> Option<FleetOptions> {
        let argument = overrides.redis.as_deref();
        let place = match (&raw, argument) {
            (Some(raw), _) => raw.place.clone(),
            (None, Some(url)) => Place::argument("--redis", url),
            (None, None) => return None,
        };
        let mut raw = table(raw);
        replace(&mut raw.url, "--redis", argument);
        self.fleet(&raw, &place)
    }

    /// `[redis]`; `None` if there is no URL to connect to.
    fn fleet(&mut self, raw: &RawRedis, place: &Place) -> Option<FleetOptions> {
        let Some(url) = &raw.url else {
            if !self.problems.has_errors_within(place) {
                let hint = "set the address of Redis: url = \"redis://127.0.0.1:6379\"";
                self.problems.error(place, "`redis.url` is missing", Some(hint));
            }
            return None;
        };
        if let Err(error) = Address::parse(&url.value) {
            self.problems.error(&url.place, error.to_string(), Some(error.hint()));
        }
        let instance = name(raw.instance.as_ref(), &mut self.problems).unwrap_or_else(instance_of_this_process);
        let usual = FleetOptions::new(url.value.clone(), instance);
        let timeout = self.timeout(raw.timeout.as_ref(), usual.timeout);
        if let Some(written) = raw.timeout.as_ref().filter(|written| written.value.0 > TIMEOUT_MAX) {
            let hint = "write at most 10s";
            self.problems.error(&written.place, "too long for an operation that requests wait for", Some(hint));
        }
        let partition_grace = raw.partition_grace.as_ref().map_or(usual.partition_grace, |grace| grace.value.0);
        if let Some(written) = raw.partition_grace.as_ref().filter(|written| !GRACE.contains(&written.value.0)) {
            let hint = "write between 1s and 1h";
            self.problems.error(&written.place, "not a useful partition grace", Some(hint));
        }
        let log_retention = raw.log_retention.as_ref().map_or(usual.log_retention, |time| time.value.0);
        if let Some(written) = raw.log_retention.as_ref().filter(|written| written.value.0 < RETENTION_MIN) {
            let hint = "nothing stored is used without asking the origin for longer than this: write at least 1m";
            self.problems.error(&written.place, "too short", Some(hint));
        }
        Some(FleetOptions {
            ca_pem: raw.ca_file.as_ref().and_then(|file| pem(self.folder, file, &mut self.problems)),
            names: name(raw.namespace.as_ref(), &mut self.problems).map_or(usual.names, |name| Names::below(&name)),
            timeout,
            partition_grace,
            value_bytes_max: self.size(raw.max_value.as_ref(), usual.value_bytes_max, 1024..=256 * 1024 * 1024),
            queue_bytes_max: self.size(raw.write_queue.as_ref(), usual.queue_bytes_max, 64 * 1024..=1 << 40),
            log_retention,
            join_wait: self.join_wait(raw.join_wait.as_ref(), usual.join_wait),
            ..usual
        })
    }

    /// No wait at all is a choice, too.
    fn join_wait(&mut self, written: Option<&Placed<DurationText>>, usual: Duration) -> Duration {
        if let Some(written) = written.filter(|written| written.value.0 > JOIN_WAIT_MAX) {
            let hint = "nothing is served in the meantime: write at most 1m";
            self.problems.error(&written.place, "too long for a start", Some(hint));
        }
        written.map_or(usual, |wait| wait.value.0)
    }
}

fn pem(folder: &Path, file: &Placed<String>, problems: &mut Problems) -> Option<String> {
    match std::fs::read_to_string(folder.join(&file.value)) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return Some(text),
        Ok(_) => problems.error(&file.place, "contains no certificate", Some("certificates must be in PEM format")),
        Err(error) => problems.error(&file.place, format!("cannot read the certificates: {error}"), None::<String>),
    }
    None
}

/// A name that can be part of a key in Redis and be read in receipts.
fn name(written: Option<&Placed<String>>, problems: &mut Problems) -> Option<String> {
    let written = written?;
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if written.value.is_empty() || written.value.len() > 128 || !written.value.chars().all(is_fit) {
        let hint = "write up to 128 letters, digits, `-`, `_` and `.`";
        problems.error(&written.place, format!("`{}` is not a name", written.value), Some(hint));
    }
    Some(written.value.clone())
}

/// Names this process among the others: host and a random number, since a name must not be in use twice.
fn instance_of_this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    let host = if host.is_empty() { "larder" } else { &host };
    format!("{host}-{:08x}", rand::random::<u32>())
}
