//! The admin API: purge, receipts, explain, rules, reload, health, metrics. Its own listener, token and checks.
//!
//! [`calls`] lists every call; [`guard`] stands before each of them: token or session, Host, origin, content type. A handler reads its
//! input into types, asks the engine, the purges, the rules or the metrics, and answers in JSON. Errors are
//! `application/problem+json` and name the field. Query strings never change anything.

mod audit;
mod calls;
mod matching;
mod problem;
mod secure;
mod sessions;

mod answer;
mod callers;
mod cdns;
mod consistency;
mod explain_decided;
mod idempotency;
mod jobs;
mod learn;
mod newcomers;
mod query;
mod receipts;

mod events;
mod explain;
mod guard;
mod purge_preview;
mod requests;
mod rules;
mod shadow;
mod top;
mod upstreams;
mod warm;
mod webhooks;

mod dashboard;
mod health;
mod purge;

mod foreign;
mod login;
mod switches;

mod stats;

mod live;

mod handlers;

mod server;

pub use health::Readiness;
pub use server::serve;
pub(crate) use server::{Port, serve_at};

use crate::cdn::Cdns;
use crate::clock::{Clock, Timestamp};
use crate::config::reload::RulesReloader;
use crate::decisions::Decisions;
use crate::engine::Engine;
use crate::events::Intake;
use crate::events::webhook::Webhook;
use crate::jobs::Jobs;
use crate::learning::Learning;
use crate::metrics::Metrics;
use crate::upstream::Pools;
use crate::warming::Warming;
use std::sync::Arc;

/// What the calls work with. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// The engine: rules, purges, stored responses.
    pub engine: Arc<Engine>,
    /// Takes events.
    pub events: Arc<Intake>,
    /// Whose signed events are taken.
    pub webhooks: Arc<Vec<Webhook>>,
    /// The caches in front that are purged as well.
    pub cdns: Arc<Cdns>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The feed of decisions.
    pub decisions: Arc<Decisions>,
    /// Where the rules come from.
    pub rules: Arc<RulesReloader>,
    /// The upstream servers.
    pub upstream: Arc<Pools>,
    /// What is done without a client.
    pub jobs: Arc<Jobs>,
    /// Fetches before anyone asks.
    pub warming: Arc<Warming>,
    /// What watches, and proposes rules.
    pub learning: Arc<Learning>,
    /// Whether requests are served.
    pub readiness: Arc<Readiness>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// When the process began to serve.
    pub started_at: Timestamp,
}
