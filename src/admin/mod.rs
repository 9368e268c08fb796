//! The admin API: purge, receipts, explain, rules, reload, health, metrics. Its own listener, token and checks.
//!
//! [`calls`] lists every call; [`guard`] stands before each of them: token or session, Host, origin, content type. A handler reads its
//! input into types, asks the engine, the purges, the rules' keeper or the metrics, and answers in JSON. Errors are
//! `application/problem+json` and name the field. Query strings never change anything.

mod answer;
mod calls;
mod events;
mod explain;
mod guard;
mod handlers;
mod health;
mod idempotency;
mod login;
mod matching;
mod problem;
mod purge;
mod receipts;
mod rules;
pub(crate) mod rules_control;
mod server;
mod sessions;
mod stats;
mod status_page;
mod upstreams;

pub use health::Readiness;
pub use server::serve;

use crate::clock::{Clock, Timestamp};
use crate::engine::Engine;
use crate::events::Intake;
use crate::metrics::Metrics;
use crate::upstream::Pools;
use rules_control::RulesControl;
use std::net::SocketAddr;
use std::sync::Arc;

/// `[admin]`, resolved.
#[derive(Debug, Clone)]
pub struct AdminOptions {
    /// `listen`
    pub listen: SocketAddr,
    /// From `token_file` or `LARDER_ADMIN_TOKEN`; none only on loopback.
    pub token: Option<String>,
    /// `hosts`: names, without port, that a call's Host may have besides the listener's own address and loopback.
    pub hosts: Vec<String>,
}

/// What the calls work with. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// The engine: rules, purges, stored responses.
    pub engine: Arc<Engine>,
    /// Takes events.
    pub events: Arc<Intake>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The rules' keeper.
    pub rules: Arc<dyn RulesControl>,
    /// The upstream servers.
    pub upstream: Arc<Pools>,
    /// Whether requests are served.
    pub readiness: Arc<Readiness>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// When the process began to serve.
    pub started_at: Timestamp,
}
