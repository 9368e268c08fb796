//! From the raw `proxy.toml` to [`Config`]: overrides, defaults, checks.

use super::addresses;
use super::machine_memory;
use super::problem::{ConfigErrors, Place, Problem, Problems, SourceText};
use super::proxy_file::{RawLimits, RawLog, RawMemory, RawProxyFile, RawRefresh, RawTimeouts, table};
use super::raw_upstream::ServerItem;
use super::table::{Placed, Reader};
use super::values::{DurationText, ShareOrSize, SizeText};
use super::{AccessLog, AdminOptions, Config, Environment, LogFormat, LogLevel, LogOptions, Overrides, RulesPresence};
use crate::engine::arrival::REQUEST_TIMEOUT_DEFAULT;
use crate::engine::refresh::RefreshOptions;
use crate::proxy::entrance::Entrance;
use crate::proxy::{ListenerOptions, ProxyOptions};
use crate::store::memory::{IN_FLIGHT_SHARE, MemoryOptions};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The least that bodies under way must be let hold: a buffer for each of a few.
const IN_FLIGHT_BYTES_MIN: usize = 256 * 1024;

/// Resolves the text of a `proxy.toml` that lies at `path`.
pub(super) fn resolve(
    path: &Path,
    text: &str,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Config, ConfigErrors> {
    let mut problems = Problems::default();
    let source = Arc::new(SourceText { name: path.display().to_string(), text: text.to_owned() });
    let raw = Reader::new(&source, &mut problems).document_with::<RawProxyFile>(environment);
    let mut resolver = Resolver { folder: path.parent().unwrap_or(Path::new("")), problems };
    let token = environment.token.clone();
    let config = raw.and_then(|raw| resolver.config(raw.value, overrides, token, &source));
    let warnings = resolver.problems.finish()?;
    let config = config.map(|config| Config { warnings, ..config });
    config.ok_or_else(|| ConfigErrors::one(Problem::without_place("the configuration is incomplete", None)))
}

/// `[admin]` where there is no file.
pub(super) fn admin_without_file(environment: &Environment) -> Result<AdminOptions, ConfigErrors> {
    let mut problems = Problems::default();
    let source = Arc::new(SourceText { name: String::new(), text: String::new() });
    let raw = Reader::new(&source, &mut problems).document_with::<RawProxyFile>(environment);
    let mut resolver = Resolver { folder: Path::new(""), problems };
    let admin = resolver.admin(table(raw.and_then(|raw| raw.value.admin)), environment.token.clone());
    resolver.problems.finish()?;
    Ok(admin)
}

/// How long requests under way may take by default once asked to stop: with all that follows, it fits into the ten seconds
/// that `docker stop` waits.
const DRAIN_DEFAULT: Duration = Duration::from_secs(8);

pub(super) struct Resolver<'a> {
    /// Where the file lies.
    pub(super) folder: &'a Path,
    pub(super) problems: Problems,
}

impl Resolver<'_> {
    fn config(
        &mut self,
        mut raw: RawProxyFile,
        overrides: &Overrides,
        token: Option<String>,
        source: &Arc<SourceText>,
    ) -> Option<Config> {
        let (rules_path, rules_presence) = self.rules_path(overrides.rules.as_deref(), raw.rules.as_ref());
        let (mut listen, limits) = (table(raw.listen.take()), table(raw.limits.take()));
        let entrance = self.entrance(&listen);
        let (listeners, http_place) = self.listeners(&mut listen, overrides.listen.as_deref());
        let proxy = self.proxy((listeners, entrance), &limits, &table(raw.timeouts.take()));
        let mut memory = table(raw.memory.take());
        let handover = self.handover(listen.takeover, memory.snapshot.take());
        let memory = self.memory(&memory);
        let in_flight_bytes = self.in_flight_bytes(limits.in_flight_bytes.as_ref(), memory);
        let (refresh, fleet) = (self.refresh(&table(raw.refresh.take())), self.fleet_of(raw.redis.take(), overrides));
        let events = self.events(table(raw.events.take()), fleet.as_ref());
        let stamps = self.stamps(raw.stamps.take(), fleet.as_ref());
        let mut admin = table(raw.admin.take());
        replace(&mut admin.listen, "--admin", overrides.admin.as_deref());
        let admin_place = admin.listen.as_ref().map(|listen| listen.place.clone());
        let admin = self.admin(admin, token);
        let whole = Place { extent_end: source.text.len(), ..Place::new(source, 0..0) };
        let upstream_place = raw.upstream.as_ref().map_or(whole, |upstream| upstream.place.clone());
        let (mut upstream, upstreams) = (table(raw.upstream.take()), table(raw.upstreams.take()));
        upstream.servers = overrides.upstream.as_deref().map(only_server).or(upstream.servers);
        let request_timeout = self.timeout(upstream.request_timeout.as_ref(), REQUEST_TIMEOUT_DEFAULT);
        let servers = upstream.servers.as_ref().map_or(&upstream_place, |servers| &servers.place).clone();
        let upstream = self.upstream(upstream, &limits, "upstream", &upstream_place)?;
        let listeners = addresses::Listeners::of(&proxy.listeners, admin.listen);
        listeners.check_apart(admin_place.or(http_place).as_ref().unwrap_or(&upstream_place), &mut self.problems);
        listeners.check_upstream(&upstream.servers, &servers, &mut self.problems);
        let upstreams = self.upstreams(upstreams, &limits, &listeners);
        Some(Config {
            rules_path,
            rules_presence,
            proxy,
            upstream,
            upstreams,
            request_timeout,
            per_client: self.per_client(limits.per_client.as_ref()),
            memory,
            handover,
            in_flight_bytes,
            refresh,
            fleet,
            postgres: events.postgres,
            postgres_changes: events.postgres_changes,
            mysql_changes: events.mysql_changes,
            webhooks: events.webhooks,
            cdns: self.cdns(raw.cdn.take()),
            jwt: self.jwt(raw.jwt.take()),
            admin,
            log: log_options(&table(raw.log.take())),
            trace: self.trace(&table(raw.trace.take())),
            stamps,
            warnings: Vec::new(),
        })
    }

    fn rules_path(&self, argument: Option<&Path>, written: Option<&Placed<String>>) -> (PathBuf, RulesPresence) {
        match (argument, written) {
            (Some(path), _) => (path.to_owned(), RulesPresence::Required),
            (None, Some(written)) => (self.folder.join(&written.value), RulesPresence::Required),
            (None, None) => (self.folder.join("rules"), RulesPresence::Optional),
        }
    }

    fn proxy(
        &mut self,
        (listeners, entrance): (Vec<ListenerOptions>, Entrance),
        limits: &RawLimits,
        timeouts: &RawTimeouts,
    ) -> ProxyOptions {
        ProxyOptions {
            listeners,
            entrance,
            header_bytes_max: self.size(limits.header_bytes.as_ref(), 64 * 1024, 1024..=16 * 1024 * 1024),
            // The header map itself holds no more than 32,768 fields.
            headers_max: self.number(limits.headers.as_ref(), 100, 8..=8192),
            uri_bytes_max: self.size(limits.uri_bytes.as_ref(), 8 * 1024, 64..=64 * 1024 - 1),
            connections_max: self.number(limits.connections.as_ref(), 16_384, 1..=10_000_000),
            header_read_timeout: self.timeout(timeouts.header_read.as_ref(), Duration::from_secs(10)),
            idle_timeout: self.timeout(timeouts.idle.as_ref(), Duration::from_mins(1)),
            stall_timeout: self.timeout(timeouts.stall.as_ref(), Duration::from_secs(30)),
            drain_delay: timeouts.drain_delay.as_ref().map_or(Duration::ZERO, |delay| delay.value.0),
            drain_timeout: timeouts.drain.as_ref().map_or(DRAIN_DEFAULT, |drain| drain.value.0),
        }
    }

    fn memory(&mut self, raw: &RawMemory) -> MemoryOptions {
        let available = machine_memory::available_bytes();
        let size = self.memory_size(raw.size.as_ref(), available);
        if let (Some(written), Some(available)) = (&raw.size, available)
            && matches!(written.value, ShareOrSize::Bytes(bytes) if bytes > available)
        {
            let available = bytesize::ByteSize::b(available);
            let message =
                format!("`memory.size` is more than the {available} of memory that this machine lets Larder use");
            self.problems.push(Problem::warning(
                &written.place,
                message,
                "leave room for connections and for what else runs here",
            ));
        }
        MemoryOptions {
            size_bytes: u64::try_from(size).unwrap_or(u64::MAX),
            variants_per_key_max: self.number(raw.variants_per_key.as_ref(), 32, 1..=65_536),
        }
    }

    fn memory_size(&mut self, written: Option<&Placed<ShareOrSize>>, available: Option<u64>) -> usize {
        let default = 256 * 1024 * 1024;
        let Some(written) = written else { return default };
        if available.is_none() && matches!(written.value, ShareOrSize::Share(_)) {
            let hint = "write a size: \"256MiB\"";
            self.problems.error(&written.place, "nothing says how much memory Larder may use", Some(hint));
            return default;
        }
        let bytes = written.value.of(available.unwrap_or_default());
        let show = |bytes: usize| bytesize::ByteSize::b(bytes as u64).to_string();
        self.within(Some((bytes, &written.place)), default, &(1024 * 1024..=1 << 50), show)
    }

    fn in_flight_bytes(&mut self, written: Option<&Placed<ShareOrSize>>, memory: MemoryOptions) -> u64 {
        let default = memory.size_bytes / IN_FLIGHT_SHARE;
        let Some(written) = written else { return default };
        let bytes = written.value.of(memory.size_bytes);
        let allowed = IN_FLIGHT_BYTES_MIN..=1 << 50;
        let show = |bytes: usize| bytesize::ByteSize::b(bytes as u64).to_string();
        let default = usize::try_from(default).unwrap_or(usize::MAX);
        self.within(Some((bytes, &written.place)), default, &allowed, show) as u64
    }

    fn refresh(&mut self, raw: &RawRefresh) -> RefreshOptions {
        let usual = RefreshOptions::default();
        RefreshOptions {
            after_purge: self.number(raw.after_purge.as_ref(), usual.after_purge, 0..=1_000_000),
            hot_keys: self.number(raw.hot_keys.as_ref(), usual.hot_keys, 0..=100_000),
            concurrent: self.number(raw.concurrent.as_ref(), usual.concurrent, 1..=1024),
        }
    }

    pub(super) fn address(&mut self, written: Option<Placed<String>>, default: ([u8; 4], u16)) -> SocketAddr {
        let default = SocketAddr::from(default);
        written.map_or(default, |written| self.socket_address(&written).unwrap_or(default))
    }

    /// An IP address and a port.
    pub(super) fn socket_address(&mut self, written: &Placed<String>) -> Option<SocketAddr> {
        let read = written.value.parse().ok();
        if read.is_none() {
            let hint = if written.value.parse::<std::net::IpAddr>().is_ok() {
                "the port is missing, e.g. \"127.0.0.1:8080\""
            } else {
                "write an IP address and a port, e.g. \"0.0.0.0:8080\" or \"[::]:8080\""
            };
            let message = format!("`{}` is not an address to listen on", written.value);
            self.problems.error(&written.place, message, Some(hint));
        }
        read
    }

    pub(super) fn timeout(&mut self, written: Option<&Placed<DurationText>>, default: Duration) -> Duration {
        let Some(written) = written else { return default };
        if written.value.0.is_zero() {
            self.problems.error(&written.place, "a timeout cannot be zero", None::<String>);
        }
        written.value.0
    }

    pub(super) fn size(
        &mut self,
        written: Option<&Placed<SizeText>>,
        default: usize,
        allowed: RangeInclusive<usize>,
    ) -> usize {
        let written = written.map(|size| (size.value.0, &size.place));
        self.within(written, default, &allowed, |bytes| bytesize::ByteSize::b(bytes as u64).to_string())
    }

    pub(super) fn number(
        &mut self,
        written: Option<&Placed<u64>>,
        default: usize,
        allowed: RangeInclusive<usize>,
    ) -> usize {
        let written = written.map(|number| (number.value, &number.place));
        self.within(written, default, &allowed, |number| number.to_string())
    }

    fn within(
        &mut self,
        written: Option<(u64, &Place)>,
        default: usize,
        allowed: &RangeInclusive<usize>,
        show: impl Fn(usize) -> String,
    ) -> usize {
        let Some((written, place)) = written else { return default };
        match usize::try_from(written) {
            Ok(number) if allowed.contains(&number) => number,
            number => {
                let (bound, limit) = match number {
                    Ok(number) if number < *allowed.start() => ("small", allowed.start()),
                    _ => ("large", allowed.end()),
                };
                let hint = format!("write no {} than {}", if bound == "small" { "less" } else { "more" }, show(*limit));
                self.problems.error(place, format!("too {bound}"), Some(hint));
                default
            }
        }
    }
}

/// `--upstream`, in place of all servers.
fn only_server(url: &str) -> Placed<Vec<Placed<ServerItem>>> {
    let place = Place::argument("--upstream", url);
    let server = Placed { value: ServerItem::Url(url.to_owned()), place: place.clone() };
    Placed { value: vec![server], place }
}

fn log_options(raw: &RawLog) -> LogOptions {
    LogOptions {
        format: raw.format.as_ref().map_or(LogFormat::Text, |format| format.value.0),
        level: raw.level.as_ref().map_or(LogLevel::Info, |level| level.value.0),
        access: match raw.access {
            Some(Placed { value: false, .. }) => AccessLog::Off,
            _ => AccessLog::On,
        },
    }
}

pub(super) fn replace(value: &mut Option<Placed<String>>, argument: &str, text: Option<&str>) {
    if let Some(text) = text {
        *value = Some(Placed { value: text.to_owned(), place: Place::argument(argument, text) });
    }
}
