//! How far the reading of changes is behind the server.

use crate::metric::{Measured, Metric, Samples};
use std::collections::VecDeque;
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

/// The metrics of the change stream.
pub(crate) const METRICS: &[&Metric] = &[&LAG_SECONDS, &LAG_BYTES];

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
}

impl Lag {
    /// Nothing is known of the server.
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { bytes: 0, waiting: VecDeque::new(), asked_at: Instant::now() }) }
    }

    /// Takes note of how far the database's log goes, up to where its changes are confirmed, and how many bytes lie between.
    pub(super) fn note(&self, position: u64, confirmed: u64, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at = Instant::now();
        state.bytes = bytes;
        let asked_at = state.asked_at;
        if state.waiting.len() < REMEMBERED_MAX {
            state.waiting.push_back((asked_at, position));
        }
        while state.waiting.front().is_some_and(|(_, end)| *end <= confirmed) {
            state.waiting.pop_front();
        }
    }

    /// How long the oldest change, or what keeps changes from being read, has waited.
    fn waited(&self) -> (Duration, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = Some(state.asked_at.elapsed()).filter(|silent| *silent > LATELY).unwrap_or_default();
        let waited = state.waiting.front().map_or(silent, |(since, _)| since.elapsed().max(silent));
        (waited, state.bytes)
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
    }
}
