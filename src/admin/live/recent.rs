//! What happened in the last seconds: the difference of what was counted by now and by then.

use crate::admin::answer::millis;
use crate::clock::Timestamp;
use crate::engine::outcome::Outcome;
use crate::histogram::DurationCounts;
use crate::metric::{Sample, Value};
use crate::metrics::requests::RequestCounts;
use crate::metrics::upstream_waits::UPSTREAM_WAITS;
use crate::store::metrics::EVICTIONS;
use crate::upstream::metrics::UPSTREAM_DURATION;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// How far back one looks.
const WINDOW: Duration = Duration::from_secs(10);

/// Why requests were no hits, the commonest reasons of a route.
const REASONS_MAX: usize = 12;

/// What was counted by one moment; `at` is of the monotonic clock.
#[derive(Debug)]
pub(super) struct Counts {
    now: Timestamp,
    at: Duration,
    requests: HashMap<(String, Outcome), RequestCounts>,
    /// The waits for the upstream, by route.
    waits: HashMap<String, DurationCounts>,
    servers: BTreeMap<(String, String), DurationCounts>,
    evictions: u64,
}

impl Counts {
    pub(super) fn new(now: Timestamp, at: Duration, requests: Vec<RequestCounts>, samples: &[Sample]) -> Self {
        let (mut servers, mut waits) = (BTreeMap::new(), HashMap::new());
        let mut evictions = 0;
        for sample in samples {
            match &sample.value {
                Value::Durations(durations) if *sample.metric == UPSTREAM_DURATION => {
                    servers.insert((sample.labels[0].clone(), sample.labels[1].clone()), **durations);
                }
                Value::Durations(durations) if *sample.metric == UPSTREAM_WAITS => {
                    waits.insert(sample.labels[0].clone(), **durations);
                }
                Value::Number(number) if *sample.metric == EVICTIONS && sample.labels[1] == "capacity" => {
                    evictions += number;
                }
                _ => {}
            }
        }
        let requests = requests.into_iter().map(|counts| ((counts.route.clone(), counts.outcome), counts)).collect();
        Self { now, at, requests, waits, servers, evictions }
    }
}

/// What was counted at each of the last moments.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Counts>);

/// The last seconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Recent {
    /// The time of day, in UTC.
    at: String,
    /// How many seconds these are; zero in the first snapshot after a time without viewers.
    window_secs: f64,
    overall: RecentTraffic,
    routes: BTreeMap<String, RecentTraffic>,
    /// The time until the head of an upstream server's answer.
    upstream: Latency,
    servers: Vec<RecentServer>,
    /// Responses that left the memory tier because it was full.
    evictions: u64,
}

/// One moment of the charts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Point {
    at: String,
    /// Requests a second that were answered from the cache; `None` without a window. The same goes for the next two.
    from_cache: Option<f64>,
    not_from_cache: Option<f64>,
    errors: Option<f64>,
    hit_ratio: Option<f64>,
    /// Durations of all answers and of the upstream: P50, P95, P99.
    answers_ms: [Option<f64>; 3],
    upstream_ms: [Option<f64>; 3],
}

impl Recent {
    /// What the charts show of it.
    #[allow(clippy::cast_precision_loss, reason = "two digits are all that a chart shows")]
    pub(super) fn point(&self) -> Point {
        let traffic = &self.overall;
        let of = |outcomes: &[Outcome]| -> u64 {
            outcomes.iter().filter_map(|outcome| traffic.outcomes.get(outcome.label())).sum()
        };
        let (cached, errors) = (of(&[Outcome::Hit, Outcome::Stale]), of(&[Outcome::Error]));
        let rate =
            |count: u64| (self.window_secs > 0.0).then(|| (count as f64 / self.window_secs * 100.0).round() / 100.0);
        Point {
            at: self.at.clone(),
            from_cache: rate(cached),
            not_from_cache: rate(traffic.requests - cached - errors),
            errors: rate(errors),
            hit_ratio: traffic.hit_ratio,
            answers_ms: traffic.all.percentiles(),
            upstream_ms: self.upstream.percentiles(),
        }
    }
}

/// Requests of one route, or of all.
#[derive(Debug, Default, Serialize)]
struct RecentTraffic {
    requests: u64,
    outcomes: BTreeMap<&'static str, u64>,
    /// The share answered from the cache without asking the origin, 0 to 1; `None` if there was no request.
    hit_ratio: Option<f64>,
    /// Of answers from the cache, fresh or stale.
    hits: Latency,
    /// Of those that asked the origin first: misses, validations, and who waited for those of others.
    misses: Latency,
    /// Of those that the cache has no part in.
    passes: Latency,
    /// How long those that asked the upstream waited for it.
    upstream: Latency,
    all: Latency,
    /// Why requests were no hits, the commonest first.
    reasons: Vec<RecentReason>,
}

#[derive(Debug, Serialize)]
struct RecentReason {
    outcome: &'static str,
    reason: &'static str,
    requests: u64,
}

#[derive(Debug, Serialize)]
struct RecentServer {
    pool: String,
    server: String,
    #[serde(flatten)]
    latency: Latency,
}

/// Durations. Upper bounds; `None` if there was none, or beyond the last bucket.
#[derive(Debug, Default, Serialize)]
struct Latency {
    count: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Latency {
    fn of(durations: &DurationCounts) -> Self {
        let at = |percent| durations.percentile(percent).map(millis);
        Self { count: durations.count(), p50_ms: at(50), p95_ms: at(95), p99_ms: at(99) }
    }

    const fn percentiles(&self) -> [Option<f64>; 3] {
        [self.p50_ms, self.p95_ms, self.p99_ms]
    }
}

/// What is being added up for [`RecentTraffic`].
#[derive(Debug, Default)]
struct Sum {
    outcomes: BTreeMap<&'static str, u64>,
    reasons: HashMap<(&'static str, &'static str), u64>,
    hits: DurationCounts,
    misses: DurationCounts,
    passes: DurationCounts,
    upstream: DurationCounts,
}

impl Sum {
    fn add(&mut self, counts: &RequestCounts, earlier: Option<&RequestCounts>) {
        let label = counts.outcome.label();
        let requests = counts.total().saturating_sub(earlier.map_or(0, RequestCounts::total));
        if requests == 0 {
            return;
        }
        *self.outcomes.entry(label).or_default() += requests;
        let durations = earlier.map_or(counts.durations, |earlier| counts.durations.since(&earlier.durations));
        let latency = match counts.outcome {
            Outcome::Hit | Outcome::Stale => &mut self.hits,
            Outcome::Revalidated | Outcome::Miss | Outcome::Collapsed => &mut self.misses,
            Outcome::Bypass | Outcome::Pass | Outcome::Redirect | Outcome::Error => &mut self.passes,
        };
        *latency = latency.merged(&durations);
        if counts.outcome == Outcome::Hit {
            return;
        }
        for (reason, count) in &counts.reasons {
            let before = earlier.and_then(|earlier| earlier.reasons.iter().find(|(known, _)| known == reason));
            let count = count.saturating_sub(before.map_or(0, |(_, count)| *count));
            if count > 0 {
                *self.reasons.entry((label, *reason)).or_default() += count;
            }
        }
    }

    /// The share as a number of two digits is all that anyone reads, so rounding harms nobody.
    #[allow(clippy::cast_precision_loss)]
    fn traffic(self) -> RecentTraffic {
        let requests = self.outcomes.values().sum();
        let from_cache: u64 = ["hit", "stale"].iter().filter_map(|outcome| self.outcomes.get(outcome)).sum();
        let reason = |((outcome, reason), requests)| RecentReason { outcome, reason, requests };
        let mut reasons: Vec<_> = self.reasons.into_iter().map(reason).collect();
        reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.requests), reason.outcome, reason.reason));
        reasons.truncate(REASONS_MAX);
        RecentTraffic {
            requests,
            outcomes: self.outcomes,
            hit_ratio: (requests > 0).then(|| from_cache as f64 / requests as f64),
            hits: Latency::of(&self.hits),
            misses: Latency::of(&self.misses),
            passes: Latency::of(&self.passes),
            upstream: Latency::of(&self.upstream),
            all: Latency::of(&self.hits.merged(&self.misses).merged(&self.passes)),
            reasons,
        }
    }
}

impl History {
    /// What happened between the earliest moment of the window and `now`, which is kept.
    pub(super) fn until(&mut self, now: Counts) -> Recent {
        while self.0.len() > 1 && self.0.get(1).is_some_and(|second| now.at.saturating_sub(second.at) >= WINDOW) {
            self.0.pop_front();
        }
        let recent = difference(self.0.front().unwrap_or(&now), &now);
        self.0.push_back(now);
        recent
    }
}

fn difference(then: &Counts, now: &Counts) -> Recent {
    let mut overall = Sum::default();
    let mut routes: BTreeMap<&str, Sum> = BTreeMap::new();
    for (key, counts) in &now.requests {
        let earlier = then.requests.get(key);
        overall.add(counts, earlier);
        routes.entry(&counts.route).or_default().add(counts, earlier);
    }
    for (route, waits) in &now.waits {
        let waits = then.waits.get(route).map_or(*waits, |earlier| waits.since(earlier));
        overall.upstream = overall.upstream.merged(&waits);
        let of_route = &mut routes.entry(route).or_default().upstream;
        *of_route = of_route.merged(&waits);
    }
    let mut upstream = DurationCounts::default();
    let mut servers = Vec::new();
    for (key, durations) in &now.servers {
        let durations = then.servers.get(key).map_or(*durations, |earlier| durations.since(earlier));
        upstream = upstream.merged(&durations);
        let (pool, server) = key.clone();
        servers.push(RecentServer { pool, server, latency: Latency::of(&durations) });
    }
    Recent {
        at: now.now.to_rfc3339(),
        window_secs: now.at.saturating_sub(then.at).as_secs_f64(),
        overall: overall.traffic(),
        routes: routes.into_iter().map(|(route, sum)| (route.to_owned(), sum.traffic())).collect(),
        upstream: Latency::of(&upstream),
        servers,
        evictions: now.evictions.saturating_sub(then.evictions),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::DurationHistogram;

    fn counts(at_secs: u64, requests: &[(Outcome, u64, &'static str)]) -> Counts {
        let counts = |(outcome, requests, reason): &(Outcome, u64, &'static str)| {
            let durations = DurationHistogram::default();
            (0..*requests).for_each(|_| durations.record(Duration::from_millis(2)));
            RequestCounts {
                route: "product".to_owned(),
                outcome: *outcome,
                classes: [0, *requests, 0, 0, 0],
                reasons: vec![(*reason, *requests)],
                durations: durations.read(),
            }
        };
        Counts::new(
            Timestamp::from_secs(at_secs),
            Duration::from_secs(at_secs),
            requests.iter().map(counts).collect(),
            &[],
        )
    }

    #[test]
    fn recent_is_what_was_counted_within_the_window() {
        let mut history = History::default();
        let first = history.until(counts(0, &[(Outcome::Hit, 5, "fresh")]));
        assert_eq!((first.window_secs, first.overall.requests), (0.0, 0));
        let second = history.until(counts(6, &[(Outcome::Hit, 8, "fresh"), (Outcome::Miss, 1, "absent")]));
        assert_eq!((second.window_secs, second.overall.requests, second.overall.hit_ratio), (6.0, 4, Some(0.75)));
        let point = second.point();
        assert_eq!((point.from_cache, point.not_from_cache, point.errors), (Some(0.5), Some(0.17), Some(0.0)));
        assert_eq!(point.answers_ms, [Some(2.5); 3]);
        let product = &second.routes["product"];
        assert_eq!((product.hits.count, product.misses.count, product.misses.p99_ms), (3, 1, Some(2.5)));
        let reasons: Vec<_> = product.reasons.iter().map(|reason| (reason.reason, reason.requests)).collect();
        assert_eq!(reasons, [("absent", 1)]);
        let third = history.until(counts(17, &[(Outcome::Hit, 8, "fresh"), (Outcome::Miss, 3, "absent")]));
        assert_eq!((third.window_secs, third.overall.requests), (11.0, 2), "from the sixth second on");
    }
}
