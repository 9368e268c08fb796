//! One snapshot: the numbers since the start, the last seconds, and the state of everything that an operator looks at.

use super::recent::{Counts, History, Point, Recent};
use crate::admin::AdminState;
use crate::admin::answer::millis;
use crate::admin::jobs::ShownJob;
use crate::admin::stats::{Stats, gather};
use crate::config::problem::ProblemReport;
use crate::fleet::metrics::{REDIS_BREAKER, REDIS_FAILURES};
use crate::in_flight::metrics::IN_FLIGHT;
use crate::invalidation::Progress;
use crate::invalidation::receipts::Receipt;
use crate::metric::{Metric, Sample, Value};
use crate::scope::Scope;
use crate::upstream::PoolOverview;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// So many of the last purges are shown.
const PURGES_MAX: usize = 12;

/// So many scopes of each.
const SCOPES_MAX: usize = 3;

/// So many jobs: those that run, and the last that have ended.
const JOBS_MAX: usize = 10;

/// So many problems of rejected rules.
const DIAGNOSTICS_MAX: usize = 20;

/// Makes snapshots, each with what happened since earlier ones.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    history: History,
    /// What became of the purges that every live instance has applied, as far as they are shown, by id.
    complete: HashMap<String, Progress>,
}

#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    stats: Stats,
    point: Point,
    recent: Recent,
    in_flight_bytes: u64,
    /// `None` if there is no Redis.
    redis: Option<ShownRedis>,
    /// `None` if this instance stands alone.
    purge_lag: Option<ShownLag>,
    pools: Vec<PoolOverview>,
    purges: Vec<ShownPurge>,
    jobs: Vec<ShownJob>,
    rules: ShownRules,
}

#[derive(Debug, Serialize)]
struct ShownRedis {
    /// Requests do without it.
    breaker_open: bool,
    /// Commands without a usable reply since the start.
    failures: u64,
}

/// How long after purges were appended this instance applied them, since the start.
#[derive(Debug, Serialize)]
struct ShownLag {
    count: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// A purge, its receipt as it stands now.
#[derive(Debug, Serialize)]
struct ShownPurge {
    id: String,
    requested_at: String,
    depth: &'static str,
    source: &'static str,
    by: String,
    /// The first of them.
    scopes: Vec<Scope>,
    scopes_total: usize,
    applied: Vec<String>,
    pending: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ShownRules {
    digest: String,
    loaded_at: String,
    routes: Vec<String>,
    rejected: Option<ShownRejected>,
}

#[derive(Debug, Serialize)]
struct ShownRejected {
    at: String,
    /// The first of them.
    diagnostics: Vec<ProblemReport>,
    diagnostics_total: usize,
}

/// What was counted by one moment, and in the seconds before it.
#[derive(Debug)]
pub(super) struct Counted {
    stats: Stats,
    samples: Vec<Sample>,
    recent: Recent,
}

impl Counted {
    /// The point of the charts.
    pub(super) fn point(&self) -> Point {
        self.recent.point()
    }
}

impl Snapshots {
    /// Reads the counters.
    pub(super) fn count(&mut self, state: &AdminState) -> Counted {
        let (requests, samples) = (state.metrics.requests(), state.metrics.samples());
        let gathered = gather(state, &requests, &samples);
        let counts = Counts::new(state.clock.now(), state.clock.monotonic(), requests, &samples);
        Counted { stats: gathered, samples, recent: self.history.until(counts) }
    }

    /// What is shown of what was counted.
    pub(super) async fn snapshot(&mut self, counted: Counted, state: &AdminState) -> Snapshot {
        let Counted { stats, samples, recent } = counted;
        let invalidation = state.engine.invalidation();
        let lags = invalidation.purge_lags();
        let redis = number(&samples, &REDIS_BREAKER).map(|breaker| ShownRedis {
            breaker_open: breaker > 0,
            failures: number(&samples, &REDIS_FAILURES).unwrap_or_default(),
        });
        let log_is_away = redis.as_ref().is_some_and(|redis| redis.breaker_open);
        Snapshot {
            stats,
            point: recent.point(),
            recent,
            in_flight_bytes: number(&samples, &IN_FLIGHT).unwrap_or_default(),
            redis,
            purge_lag: invalidation.is_in_fleet().then(|| ShownLag {
                count: lags.count(),
                p50_ms: lags.percentile(50).map(millis),
                p99_ms: lags.percentile(99).map(millis),
            }),
            pools: state.upstream.overview(),
            purges: self.purges(state, log_is_away).await,
            jobs: state.jobs.list().iter().take(JOBS_MAX).map(|job| ShownJob::from(&**job)).collect(),
            rules: rules(state),
        }
    }

    /// The last purges. Whether others have applied one is asked until all have, and not while the log is away.
    async fn purges(&mut self, state: &AdminState, log_is_away: bool) -> Vec<ShownPurge> {
        let invalidation = state.engine.invalidation();
        let mut shown = Vec::new();
        let mut complete = HashMap::new();
        for receipt in invalidation.receipts().into_iter().take(PURGES_MAX) {
            let progress = match self.complete.remove(&receipt.id) {
                Some(progress) => progress,
                None if log_is_away => Progress { applied: receipt.applied.clone(), pending: receipt.pending.clone() },
                None => invalidation.progress(receipt.stamp).await,
            };
            if progress.pending.is_empty() {
                complete.insert(receipt.id.clone(), progress.clone());
            }
            shown.push(ShownPurge::new(&receipt, progress));
        }
        self.complete = complete;
        shown
    }
}

impl ShownPurge {
    fn new(receipt: &Arc<Receipt>, progress: Progress) -> Self {
        Self {
            id: receipt.id.clone(),
            requested_at: receipt.requested_at.to_rfc3339(),
            depth: receipt.depth.label(),
            source: receipt.source.label(),
            by: receipt.by.clone(),
            scopes: receipt.scopes.iter().take(SCOPES_MAX).cloned().collect(),
            scopes_total: receipt.scopes_total,
            applied: progress.applied,
            pending: progress.pending,
        }
    }
}

fn rules(state: &AdminState) -> ShownRules {
    let (rules, status) = (state.engine.rules(), state.rules.status());
    let rejected = status.rejected.map(|rejected| {
        let mut diagnostics = rejected.errors.reports();
        let diagnostics_total = diagnostics.len();
        diagnostics.truncate(DIAGNOSTICS_MAX);
        ShownRejected { at: rejected.at.to_rfc3339(), diagnostics, diagnostics_total }
    });
    ShownRules {
        digest: rules.digest().to_string(),
        loaded_at: status.loaded_at.to_rfc3339(),
        routes: rules.routes().iter().map(|route| route.name.as_str().to_owned()).collect(),
        rejected,
    }
}

/// The sum of a metric's numbers; `None` if it has none.
fn number(samples: &[Sample], metric: &Metric) -> Option<u64> {
    let own = samples.iter().filter(|sample| *sample.metric == *metric);
    let numbers = own.filter_map(|sample| match sample.value {
        Value::Number(number) => Some(number),
        Value::Time(_) | Value::Durations(_) => None,
    });
    numbers.reduce(u64::saturating_add)
}
