//! What the operator writes, made into what the other floors take.
//!
//! Two stages. *Raw*: a file is read into tables whose values remember their place ([`table`], [`values`],
//! [`proxy_file`], [`rules_file`]). *Resolved*: every default is filled in and every value is checked ([`resolve`],
//! [`route`]). All problems of all files are collected, not only the first, each with its place, its value and a hint
//! ([`problem`]). The rules are read anew while running ([`reload`], [`watch`]): what does not resolve never replaces
//! what does.

mod admin_scope;
mod machine_memory;
pub(crate) mod problem;
pub(crate) mod watch;

mod addresses;
mod render;
mod table;

mod values;
mod variable_names;

mod route_audit;
mod route_codings;

mod field_names;
mod raw_admin;
mod raw_cdn;
mod raw_events;
mod raw_jwt;
mod raw_listen;
mod raw_mysql;
mod raw_stamps;
mod raw_trace;
mod raw_upstream;
mod raw_warm;
mod raw_webhook;
mod variable_values;

mod proxy_file;
mod raw_rules;
mod warm;

mod event;
mod resolve;
mod route_answer;
mod route_claims;
mod route_graphql;
mod route_key;
mod route_lifetime;
mod route_origin;
pub(crate) mod schema;

mod admin;
mod cdn;
mod environment;
mod event_sources;
mod fleet;
pub(crate) mod handover;
mod http3;
mod https_policy;
mod jwt;
mod listen;
mod listeners;
mod mysql_changes;
mod per_client;
mod pool_health;
pub(crate) mod reference;
mod route;
mod servers;
mod stamps;
mod trace;
mod upstream;
mod upstream_tls;
mod webhook;

mod privacy_lint;
mod shape_lint;
mod tag_lint;

mod rules_lint;

mod rules_file;

pub(crate) mod reload;

pub use admin::AdminOptions;
pub(crate) use admin::{NAME_OF_ADDRESSES, NAME_OF_ANYONE, NAME_OF_THE_TOKEN};
pub(crate) use admin_scope::May;
pub use environment::Environment;
pub use problem::{ConfigErrors, Problem};
pub(crate) use rules_file::LoadedRules;
pub use rules_file::{check_rules_text, load_rules};

use crate::cdn::CdnOptions;
use crate::clients::ClientLimits;
use crate::engine::refresh::RefreshOptions;
use crate::events::changes::mysql::MysqlChangesOptions;
use crate::events::changes::postgres::PostgresChangesOptions;
use crate::events::postgres::PostgresOptions;
use crate::events::webhook::Webhook;
use crate::fleet::options::FleetOptions;
use crate::jwks::JwtOptions;
use crate::proxy::ProxyOptions;
use crate::rules::origin_request::PoolName;
use crate::stamps::StampOptions;
use crate::store::memory::MemoryOptions;
use crate::traces::TraceOptions;
use crate::upstream::{TlsOptions, UpstreamOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The environment variable that holds the admin token.
pub(crate) const ADMIN_TOKEN_VARIABLE: &str = "LARDER_ADMIN_TOKEN";

/// `proxy.toml`, resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// `rules`: a file or a folder.
    pub rules_path: PathBuf,
    /// Whether there must be something at `rules_path`.
    pub rules_presence: RulesPresence,
    /// `[listen]`, `[limits]`, `[timeouts]`
    pub proxy: ProxyOptions,
    /// `[upstream]`
    pub upstream: UpstreamOptions,
    /// `[upstreams.NAME]`
    pub upstreams: Vec<(PoolName, UpstreamOptions)>,
    /// `upstream.request_timeout`
    pub request_timeout: Duration,
    /// `limits.per_client`
    pub per_client: ClientLimits,
    /// `[memory]`
    pub memory: MemoryOptions,
    /// What passes to the process that comes after this one, and how.
    pub(crate) handover: handover::Handover,
    /// `limits.in_flight_bytes`, in bytes.
    pub in_flight_bytes: u64,
    /// `[refresh]`
    pub refresh: RefreshOptions,
    /// `[redis]`; `None` if this instance stands alone.
    pub fleet: Option<FleetOptions>,
    /// `[events.postgres]`; `None` if it is not listened to.
    pub postgres: Option<PostgresOptions>,
    /// `[events.postgres_changes]`; `None` if they are not read.
    pub postgres_changes: Option<PostgresChangesOptions>,
    /// `[events.mysql_changes]`; `None` if they are not read.
    pub mysql_changes: Option<MysqlChangesOptions>,
    /// `[[events.webhook]]`
    pub(crate) webhooks: Vec<Webhook>,
    /// `[[cdn]]`
    pub(crate) cdns: Vec<CdnOptions>,
    /// `[jwt]`; `None` if no token is believed.
    pub(crate) jwt: Option<JwtOptions>,
    /// `[admin]`
    pub admin: AdminOptions,
    /// `[log]`
    pub log: LogOptions,
    /// `[trace]`; `None` if nothing is traced.
    pub trace: Option<TraceOptions>,
    /// `[stamps]`; `None` if they are neither given nor taken.
    pub(crate) stamps: Option<StampOptions>,
    /// What works, but hardly as it is meant.
    pub warnings: Vec<Problem>,
}

/// Whether there must be rules where they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulesPresence {
    /// The operator has named the place.
    Required,
    /// It is the default place: without rules, everything passes through until there are some.
    Optional,
}

impl Config {
    /// Reads and resolves the rules; `None` if there need not be any.
    ///
    /// # Errors
    /// As [`load_rules`].
    pub fn load_rules(&self) -> Result<LoadedRules, ConfigErrors> {
        match self.rules_presence {
            RulesPresence::Optional if !self.rules_path.exists() => rules_file::no_rules(&self.rules_path),
            RulesPresence::Optional | RulesPresence::Required => {
                rules_file::resolve_rules(&self.rules_path, rules_file::read_sources(&self.rules_path)?, &self.pools())
            }
        }
    }

    /// How servers are reached over TLS, pool by pool.
    pub(crate) fn upstream_tls(&self) -> Vec<TlsOptions> {
        let named = self.upstreams.iter().map(|(_, pool)| pool);
        [&self.upstream].into_iter().chain(named).filter_map(|pool| pool.tls.clone()).collect()
    }

    /// What of this file rules may name.
    pub(crate) fn pools(&self) -> rules_file::Pools {
        let named = self.upstreams.iter().map(|(name, pool)| (name.clone(), pool.host.clone())).collect();
        let names_host = self.proxy.entrance.default_host.is_some();
        let default_host = if names_host { warm::DefaultHost::Named } else { warm::DefaultHost::None };
        let tokens = if self.jwt.is_some() { rules_file::Tokens::Believed } else { rules_file::Tokens::Unknown };
        rules_file::Pools::Known { default: self.upstream.host.clone(), named, default_host, tokens }
    }
}

/// `[log]`, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// `format`
    pub format: LogFormat,
    /// `level`
    pub level: LogLevel,
    /// `access`
    pub access: AccessLog,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe messages that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may become a failure.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// Whether every request is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// One line a request.
    On,
    /// None.
    Off,
}

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`, for `listen.http`.
    pub listen: Option<String>,
    /// `--upstream`, for `upstream.servers`.
    pub upstream: Option<String>,
    /// `--admin`, for `admin.listen`.
    pub admin: Option<String>,
    /// `--redis`, for `redis.url`.
    pub redis: Option<String>,
    /// `--rules`, for `rules`; relative to the working folder.
    pub rules: Option<PathBuf>,
}

/// The configuration that command line and environment alone make, for a folder without a `proxy.toml`.
///
/// # Errors
/// Where one of them holds a problem, or neither names an upstream server.
pub fn without_file(overrides: &Overrides, environment: &Environment) -> Result<Config, ConfigErrors> {
    resolve::resolve(Path::new("proxy.toml"), "", overrides, environment)
}

/// The admin API of an instance that runs without a `proxy.toml`.
///
/// # Errors
/// Where what the environment says of it can't be used.
pub(crate) fn admin_without_file(environment: &Environment) -> Result<AdminOptions, ConfigErrors> {
    resolve::admin_without_file(environment)
}

/// Reads and resolves the configuration, with what command line and environment say in place of what the file says.
///
/// # Errors
/// Where the file can't be read or holds problems: all of them.
pub fn load(path: &Path, overrides: &Overrides, environment: &Environment) -> Result<Config, ConfigErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "write one with `larder init`, name another with `--config FILE`, or try `larder serve --upstream URL`, \
                 which needs none"
            }
            _ => "the configuration is a readable UTF-8 text file",
        };
        ConfigErrors::one(Problem::without_place(&format!("cannot read `{}`: {error}", path.display()), Some(hint)))
    })?;
    resolve::resolve(path, &text, overrides, environment)
}
