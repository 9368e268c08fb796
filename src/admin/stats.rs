//! `GET /stats`: the numbers per route and overall, for people and scripts.

use super::answer::millis;
use super::switches::ShownSwitch;
use super::{AdminState, switches};
use crate::engine::outcome::Outcome;
use crate::fleet::member::Member;
use crate::histogram::DurationCounts;
use crate::invalidation::members::Members;
use crate::metric::{Metric, Sample, Value};
use crate::metrics::requests::RequestCounts;
use crate::store::metrics::{BYTES, BYTES_MAX, ENTRIES, EVICTIONS};
use crate::upstream::metrics::{UPSTREAM_DURATION, UPSTREAM_REQUESTS};
use crate::upstream::{PoolOverview, ServerOverview};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that `GET /stats` says.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    pub(super) version: &'static str,
    pub(super) instance: String,
    pub(super) started_at: String,
    pub(super) uptime_secs: u64,
    pub(super) overall: Traffic,
    pub(super) routes: BTreeMap<String, Traffic>,
    pub(super) tiers: Vec<ShownTier>,
    pub(super) servers: Vec<ShownServer>,
    pub(super) purges_applied: u64,
    pub(super) barriers: usize,
    pub(super) rules_rejected: bool,
    /// The incident switches that are on.
    switches: Vec<ShownSwitch>,
    /// `None` if it stands alone.
    pub(super) fleet: Option<ShownFleet>,
}

/// The live instances of a fleet.
#[derive(Debug, Serialize)]
pub(super) struct ShownFleet {
    instances: Vec<ShownInstance>,
    versions_mixed: bool,
    rules_mixed: bool,
}

/// One of them. It is of a version before those that say so, where it says nothing of itself.
#[derive(Debug, Serialize)]
struct ShownInstance {
    instance: String,
    version: Option<String>,
    rules: Option<String>,
}

impl From<Members> for ShownFleet {
    fn from(members: Members) -> Self {
        let (versions_mixed, rules_mixed) = (members.versions_mixed(), members.rules_mixed());
        let shown = |(instance, said): (String, Option<Member>)| {
            let (version, rules) = said.map(|said| (said.version, said.rules)).unzip();
            ShownInstance { instance, version, rules }
        };
        Self { instances: members.0.into_iter().map(shown).collect(), versions_mixed, rules_mixed }
    }
}

/// Requests of one route, or of all.
#[derive(Debug, Default, Serialize)]
pub(super) struct Traffic {
    pub(super) requests: u64,
    /// How many had each outcome; those that never happened are left out.
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    /// The share answered from the cache without asking the origin, 0 to 1; `None` if there was no request.
    pub(super) hit_ratio: Option<f64>,
    pub(super) mean_ms: f64,
    /// Upper bounds; none beyond the last bucket.
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// How many had each reason, by outcome.
    pub(super) reasons: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// An estimate of the time that the origin would have taken for what it was not asked.
    pub(super) origin_seconds_saved: f64,
}

/// A tier.
#[derive(Debug, Serialize)]
pub(super) struct ShownTier {
    pub(super) tier: String,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) bytes_max: u64,
    evictions: BTreeMap<String, u64>,
}

/// An upstream server.
#[derive(Debug, Serialize)]
pub(super) struct ShownServer {
    pub(super) pool: String,
    pub(super) requests: BTreeMap<String, u64>,
    pub(super) mean_ms: f64,
    #[serde(flatten)]
    standing: ServerOverview,
}

impl Traffic {
    /// The share as a number of two digits is all that anyone reads, so rounding harms nobody.
    #[allow(clippy::cast_precision_loss)]
    fn of<'a>(counts: impl Iterator<Item = &'a RequestCounts>, saved: Duration) -> Self {
        let mut outcomes = BTreeMap::new();
        let mut reasons: BTreeMap<_, BTreeMap<_, u64>> = BTreeMap::new();
        let mut durations = DurationCounts::default();
        let (mut requests, mut from_cache) = (0, 0);
        for count in counts {
            requests += count.total();
            *outcomes.entry(count.outcome.label()).or_default() += count.total();
            durations = durations.merged(&count.durations);
            for (reason, times) in &count.reasons {
                *reasons.entry(count.outcome.label()).or_default().entry(*reason).or_default() += times;
            }
            if matches!(count.outcome, Outcome::Hit | Outcome::Stale) {
                from_cache += count.total();
            }
        }
        Self {
            requests,
            outcomes,
            hit_ratio: (requests > 0).then(|| from_cache as f64 / requests as f64),
            mean_ms: millis(durations.mean()),
            p50_ms: durations.percentile(50).map(millis),
            p95_ms: durations.percentile(95).map(millis),
            p99_ms: durations.percentile(99).map(millis),
            reasons,
            origin_seconds_saved: saved.as_secs_f64(),
        }
    }
}

/// What the metrics say of the tiers.
fn tiers(samples: &[Sample]) -> Vec<ShownTier> {
    let shown = |labels: &[String], entries| ShownTier {
        tier: labels[0].clone(),
        entries,
        bytes: numbers(samples, &BYTES, labels).map(|(_, bytes)| bytes).sum(),
        bytes_max: numbers(samples, &BYTES_MAX, labels).map(|(_, bytes)| bytes).sum(),
        evictions: numbers(samples, &EVICTIONS, labels).collect(),
    };
    numbers_of(samples, &ENTRIES).map(|(labels, entries)| shown(labels, entries)).collect()
}

/// What the metrics say of the upstream servers.
fn servers(samples: &[Sample], pools: &[PoolOverview]) -> Vec<ShownServer> {
    let standing = |pool: &str, server: &str| {
        let pool = pools.iter().find(|known| known.pool == pool)?;
        pool.servers.iter().find(|known| known.server == server).cloned()
    };
    let shown = |sample: &Sample| {
        let Value::Durations(durations) = &sample.value else { return None };
        let requests = numbers(samples, &UPSTREAM_REQUESTS, &sample.labels).collect();
        let standing = standing(&sample.labels[0], &sample.labels[1])?;
        Some(ShownServer { pool: sample.labels[0].clone(), requests, mean_ms: millis(durations.mean()), standing })
    };
    samples.iter().filter(|sample| *sample.metric == UPSTREAM_DURATION).filter_map(shown).collect()
}

/// The numbers of a metric, each with its labels.
fn numbers_of<'a>(samples: &'a [Sample], metric: &Metric) -> impl Iterator<Item = (&'a [String], u64)> {
    samples.iter().filter(|sample| *sample.metric == *metric).filter_map(|sample| match sample.value {
        Value::Number(number) => Some((&sample.labels[..], number)),
        Value::Time(_) | Value::Durations(_) => None,
    })
}

/// The numbers of a metric whose labels begin with these, each with its last label.
fn numbers(samples: &[Sample], metric: &Metric, labels: &[String]) -> impl Iterator<Item = (String, u64)> {
    let begin_so = move |(all, _): &(&[String], u64)| all.starts_with(labels);
    numbers_of(samples, metric).filter(begin_so).map(|(all, number)| (all[all.len() - 1].clone(), number))
}

/// The numbers as they were read.
pub(super) fn gather(state: &AdminState, counts: &[RequestCounts], samples: &[Sample]) -> Stats {
    let saved = state.decisions.saved();
    let saved_by = |route: &str| saved.get(route).copied().unwrap_or_default();
    let mut by_route: BTreeMap<String, Vec<&RequestCounts>> = BTreeMap::new();
    for count in counts {
        by_route.entry(count.route.clone()).or_default().push(count);
    }
    let invalidation = state.engine.invalidation();
    Stats {
        version: crate::version::VERSION,
        instance: invalidation.instance().to_owned(),
        started_at: state.started_at.to_rfc3339(),
        uptime_secs: state.clock.now().since(state.started_at).as_secs(),
        overall: Traffic::of(counts.iter(), saved.values().sum()),
        routes: by_route
            .into_iter()
            .map(|(route, counts)| {
                let saved = saved_by(&route);
                (route, Traffic::of(counts.into_iter(), saved))
            })
            .collect(),
        tiers: tiers(samples),
        servers: servers(samples, &state.upstream.overview()),
        purges_applied: invalidation.generation(),
        barriers: invalidation.barriers(),
        rules_rejected: state.rules.status().rejected.is_some(),
        switches: switches::shown(state),
        fleet: invalidation.members().map(ShownFleet::from),
    }
}

pub(super) async fn show(State(state): State<AdminState>) -> Response {
    Json(gather(&state, &state.metrics.requests(), &state.metrics.samples())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::DurationHistogram;

    fn counts(outcome: Outcome, requests: u64, micros: u64) -> RequestCounts {
        let durations = DurationHistogram::default();
        (0..requests).for_each(|_| durations.record(Duration::from_micros(micros)));
        let classes = [0, requests, 0, 0, 0];
        RequestCounts {
            route: "product".to_owned(),
            outcome,
            classes,
            reasons: Vec::new(),
            durations: durations.read(),
        }
    }

    #[test]
    fn traffic_adds_up_outcomes_and_durations() {
        let all = [counts(Outcome::Hit, 6, 40), counts(Outcome::Stale, 1, 40), counts(Outcome::Miss, 3, 9_000)];
        let traffic = Traffic::of(all.iter(), Duration::ZERO);
        assert_eq!(traffic.requests, 10);
        assert_eq!(traffic.outcomes, BTreeMap::from([("hit", 6), ("stale", 1), ("miss", 3)]));
        assert_eq!(traffic.hit_ratio, Some(0.7));
        assert_eq!((traffic.p50_ms, traffic.p99_ms), (Some(0.05), Some(10.0)));
        assert!((traffic.mean_ms - 2.728).abs() < 1e-9);
    }

    #[test]
    fn no_traffic_has_no_ratio() {
        let traffic = Traffic::of([].iter(), Duration::ZERO);
        assert_eq!((traffic.requests, traffic.hit_ratio, traffic.p50_ms), (0, None, None));
    }
}
