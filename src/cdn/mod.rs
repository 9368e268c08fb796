//! The caches in front: what is purged here is purged there, too.
//!
//! Each CDN has a worker that follows the log of purges ([`worker`]), asks for what they cover as far as the CDN can express it
//! ([`asked`], [`kind`], [`template`]) and remembers how far it has come ([`place`]).

mod asked;
mod template;

pub(crate) mod kind;

mod client;
pub(crate) mod place;

pub(crate) mod metrics;
mod repeats;
mod worker;

pub(crate) use asked::Able;
pub(crate) use template::{Hole, Template};

use crate::callout::connect;
use crate::clock::Clock;
use crate::fleet::link::Link;
use crate::fleet::options::FleetOptions;
use crate::invalidation::Invalidation;
use crate::rules::warm::Rate;
use crate::scope::Depth;
use crate::secret;
use crate::stamp::Stamp;
use crate::supervisor::Supervisor;
use asked::Part;
use kind::Kind;
use place::{Place, State};
use rustls::ClientConfig;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use worker::Worker;

/// The pause between two looks at whether CDNs have purged.
const LOOK: Duration = Duration::from_millis(50);

/// One `[[cdn]]`, resolved.
#[derive(Debug, Clone)]
pub(crate) struct CdnOptions {
    /// `name`
    pub(crate) name: String,
    /// `kind`, and what it needs.
    pub(crate) kind: Kind,
    /// `hosts`: the names under which it serves.
    pub(crate) hosts: Vec<String>,
    /// `token_file`
    pub(crate) token_file: Option<PathBuf>,
    /// `timeout`
    pub(crate) timeout: Duration,
    /// `repeat_after`: zero where purges are made once.
    pub(crate) repeat_after: Duration,
    /// `rate`
    pub(crate) rate: Option<Rate>,
    /// Who is believed over TLS.
    pub(crate) trust: Option<Arc<ClientConfig>>,
}

/// The CDNs that are purged.
#[derive(Default)]
pub struct Cdns {
    workers: Vec<Arc<Worker>>,
}

impl Cdns {
    /// These CDNs, each with a task that purges it. `fleet` is a way to Redis for them, where the instance is one of a fleet.
    pub(crate) fn start(
        cdns: &[CdnOptions],
        fleet: Option<&(Arc<dyn Link>, FleetOptions)>,
        invalidation: &Arc<Invalidation>,
        clock: &Arc<dyn Clock>,
        tasks: &mut Supervisor,
    ) -> Arc<Self> {
        let worker = |options: &CdnOptions| {
            let place = match fleet {
                Some((link, fleet)) => Place::shared(Arc::clone(link), fleet, &options.name),
                None => Place::own(),
            };
            Arc::new(Worker::new(options.clone(), invalidation.follow(), place, Arc::clone(clock)))
        };
        let workers: Vec<Arc<Worker>> = cdns.iter().map(worker).collect();
        for worker in &workers {
            let worker = Arc::clone(worker);
            tasks.restart("cdn", move || Arc::clone(&worker).run());
        }
        Arc::new(Self { workers })
    }

    /// Where the purge at this place in the log stands at each CDN.
    pub(crate) async fn states(&self, stamp: Stamp) -> Vec<(&str, State)> {
        let mut states = Vec::new();
        for worker in &self.workers {
            states.push((worker.options.name.as_str(), worker.state(stamp).await));
        }
        states
    }

    /// Where it stands once it was made at each of them, or `deadline` has come.
    pub(crate) async fn awaited(&self, stamp: Stamp, deadline: Instant) -> Vec<(&str, State)> {
        loop {
            let states = self.states(stamp).await;
            let is_done = states.iter().all(|(_, state)| matches!(state, State::Done(_)));
            let left = deadline.saturating_duration_since(Instant::now());
            if is_done || left.is_zero() {
                return states;
            }
            sleep(LOOK.min(left)).await;
        }
    }
}

/// Tries to connect to a CDN's API, and asks nothing. Each place, and what is wrong with it.
pub(crate) async fn try_apis(options: &CdnOptions) -> Vec<(String, Option<String>)> {
    let token = options.token_file.as_deref().and_then(secret::token_in);
    let calls = match options.kind.calls(&Part::Everything(Depth::Hard), token.as_deref()) {
        Ok(calls) => calls,
        Err(error) => return vec![(options.name.clone(), Some(error.to_string()))],
    };
    let mut tried = Vec::new();
    for call in calls {
        let place = call.uri().authority().map_or_else(String::new, ToString::to_string);
        let failed = match timeout(options.timeout, connect(call.uri(), options.trust.as_ref())).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no connection within `timeout`".to_owned()),
        };
        tried.push((place, failed));
    }
    tried
}
