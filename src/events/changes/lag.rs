//! How far the reading of changes is behind the server.

use crate::metric::{Measured, Metric, Samples};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const LAG_SECONDS: Metric = Metric::gauge(
    "larder_change_stream_lag_seconds",
    &[],
    "For how long changes of the database, or what keeps them from being read, have waited for their purges. 0: all is read.",
);
const LAG_BYTES: Metric = Metric::gauge(
    "larder_change_stream_lag_bytes",
    &[],
    "How much of its log the database has written whose changes are not yet confirmed; PostgreSQL keeps it.",
);

const REPLICA_UP: Metric = Metric::gauge(
    "larder_change_replica_up",
    &["replica"],
    "Whether the replica can be asked how far it is, by the instance that reads the changes: 1 or 0.",
);
const REPLICA_LAG_BYTES: Metric = Metric::gauge(
    "larder_change_replica_lag_bytes",
    &["replica"],
    "How much of the primary's log the replica had not replayed when both were last asked.",
);

/// The metrics of the change stream.
pub(crate) const METRICS: &[&Metric] = &[&LAG_SECONDS, &LAG_BYTES, &REPLICA_UP, &REPLICA_LAG_BYTES];

/// So many positions are remembered; the oldest ones are kept.
const REMEMBERED_MAX: usize = 10_000;

/// A server that was asked so lately is not counted as silent.
const LATELY: Duration = Duration::from_secs(5);

/// What all instances see of the database, whoever reads it.
#[derive(Debug)]
pub(crate) struct Lag {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes: u64,
    /// Ends of the server's log that are not yet confirmed, each with when it was seen.
    waiting: VecDeque<(Instant, u64)>,
    asked_at: Instant,
    /// The end of the server's log when it was last asked.
    position: u64,
    /// Up to where replicas have replayed it; `None` if one can't be asked.
    replicas: BTreeMap<String, Option<u64>>,
}

impl Lag {
    /// Nothing is known of the server.
    pub(crate) fn new() -> Self {
        let (waiting, asked_at, replicas) = (VecDeque::new(), Instant::now(), BTreeMap::new());
        Self { state: Mutex::new(State { bytes: 0, waiting, asked_at, position: 0, replicas }) }
    }

    /// Takes note of how far the database's log goes, up to where its changes are confirmed, and how many bytes lie between.
    pub(super) fn note(&self, position: u64, confirmed: u64, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at = Instant::now();
        (state.position, state.bytes) = (position, bytes);
        let asked_at = state.asked_at;
        if state.waiting.len() < REMEMBERED_MAX {
            state.waiting.push_back((asked_at, position));
        }
        while state.waiting.front().is_some_and(|(_, end)| *end <= confirmed) {
            state.waiting.pop_front();
        }
    }

    /// Takes note of how far a replica is.
    pub(super) fn note_replica(&self, name: &str, replayed: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.replicas.get_mut(name) {
            Some(known) => *known = replayed,
            None => drop(state.replicas.insert(name.to_owned(), replayed)),
        }
    }

    /// Nobody is asked here any more.
    pub(super) fn forget_replicas(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).replicas.clear();
    }

    /// How long the oldest change, or what keeps changes from being read, has waited.
    fn waited(&self) -> (Duration, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = Some(state.asked_at.elapsed()).filter(|silent| *silent > LATELY).unwrap_or_default();
        let waited = state.waiting.front().map_or(silent, |(since, _)| since.elapsed().max(silent));
        (waited, state.bytes)
    }
}

impl Lag {
    fn sample_replicas(&self, samples: &mut Samples) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, replayed) in &state.replicas {
            samples.number(&REPLICA_UP, &[name], replayed.is_some().into());
            if let Some(replayed) = replayed {
                samples.number(&REPLICA_LAG_BYTES, &[name], state.position.saturating_sub(*replayed));
            }
        }
    }
}

/// All databases that are read.
pub(crate) struct Lags(pub(crate) Vec<Arc<Lag>>);

impl Measured for Lags {
    fn sample(&self, samples: &mut Samples) {
        let each: Vec<_> = self.0.iter().map(|lag| lag.waited()).collect();
        let waited = each.iter().map(|(waited, _)| *waited).max().unwrap_or_default();
        let bytes = each.iter().map(|(_, bytes)| *bytes).sum();
        samples.time(&LAG_SECONDS, &[], waited);
        samples.number(&LAG_BYTES, &[], bytes);
        for lag in &self.0 {
            lag.sample_replicas(samples);
        }
    }
}
