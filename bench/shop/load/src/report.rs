//! The figures as JSON.

use crate::cache_status::Origin;
use crate::record::{Class, Endpoint, Figures, Micros, Phase};
use crate::world::World;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that a run has shown.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    users: u32,
    ramp_seconds: f64,
    settle_seconds: u32,
    hold_seconds: u32,
    think_ms: [u64; 2],
    writer_pause_ms: u64,
    products: u32,
    terms: u32,
    product_exponent: f64,
    word_exponent: f64,
    /// While all users were there, and had settled.
    hold: Part,
    /// From the first user on.
    whole: Part,
    freshness: Freshness,
}

/// Reads of changed products.
#[derive(Debug, Serialize)]
struct Freshness {
    checked_reads: u64,
    stale_reads: u64,
    shown: Vec<String>,
}

/// The figures of a part of the run.
#[derive(Debug, Serialize)]
struct Part {
    seconds: f64,
    overall: Shown,
    requests_per_second: f64,
    endpoints: BTreeMap<Endpoint, Shown>,
    classes: BTreeMap<Class, Answers>,
    /// Over all classes.
    cacheable: Answers,
    /// Durations of what the cache answered.
    hits: Durations,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    durations: Durations,
    /// 0 to 1.
    success: f64,
    failures: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Durations {
    count: u64,
    mean_ms: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// How much a cache answered.
#[derive(Debug, Serialize)]
struct Answers {
    requests: u64,
    /// By where answers came from; what failed is left out.
    origins: BTreeMap<Origin, u64>,
    /// 0 to 1; failed requests count as none.
    hit_ratio: f64,
    /// What a cache that forgets nothing and begins empty could reach: all but requests for what nobody had asked before, or
    /// not since it was changed.
    possible_hit_ratio: f64,
}

impl Report {
    /// Takes the figures out of the record.
    pub(crate) fn of(world: &World) -> Self {
        let options = &world.options;
        let before_seconds = options.ramp_time().as_secs_f64();
        let mut hold = BTreeMap::<Endpoint, Figures>::new();
        let mut whole = BTreeMap::<Endpoint, Figures>::new();
        for ((phase, endpoint), figures) in world.record.take() {
            whole.entry(endpoint).or_default().add(&figures);
            if phase == Phase::Hold {
                hold.insert(endpoint, figures);
            }
        }
        Self {
            users: options.users,
            ramp_seconds: before_seconds - f64::from(options.settle),
            settle_seconds: options.settle,
            hold_seconds: options.seconds,
            think_ms: [options.think_min_ms, options.think_max_ms],
            writer_pause_ms: options.writer_pause_ms,
            products: options.products,
            terms: options.terms,
            product_exponent: options.product_exponent,
            word_exponent: options.word_exponent,
            hold: Part::of(&hold, f64::from(options.seconds)),
            whole: Part::of(&whole, before_seconds + f64::from(options.seconds)),
            freshness: Freshness {
                checked_reads: world.acknowledged.checked(),
                stale_reads: world.acknowledged.stale(),
                shown: world.acknowledged.shown(),
            },
        }
    }

    /// The most important in one line.
    pub(crate) fn summary(&self) -> String {
        let Part { overall, requests_per_second, cacheable, .. } = &self.hold;
        format!(
            "{} users: {requests_per_second:.0} requests/s, P95 {:.2} ms, success {:.4}, hit ratio {:.4}, {} stale reads of {}",
            self.users,
            overall.durations.p95_ms,
            overall.success,
            cacheable.hit_ratio,
            self.freshness.stale_reads,
            self.freshness.checked_reads
        )
    }
}

impl Part {
    fn of(figures: &BTreeMap<Endpoint, Figures>, seconds: f64) -> Self {
        let mut overall = Figures::default();
        let mut cacheable = Figures::default();
        let mut classes = BTreeMap::<Class, Figures>::new();
        for (endpoint, figures) in figures {
            if endpoint.is_shop() {
                overall.add(figures);
            }
            if let Some(class) = endpoint.class() {
                classes.entry(class).or_default().add(figures);
                cacheable.add(figures);
            }
        }
        Self {
            seconds,
            requests_per_second: float(overall.micros.0.len()) / seconds,
            hits: Durations::of(&overall.hit_micros),
            overall: Shown::of(&overall),
            endpoints: figures.iter().map(|(endpoint, figures)| (*endpoint, Shown::of(figures))).collect(),
            classes: classes.iter().map(|(class, figures)| (*class, Answers::of(figures))).collect(),
            cacheable: Answers::of(&cacheable),
        }
    }
}

impl Shown {
    fn of(figures: &Figures) -> Self {
        let requests = figures.micros.0.len();
        Self {
            durations: Durations::of(&figures.micros),
            success: share(requests - figures.failed(), requests),
            failures: figures.failures.clone(),
        }
    }
}

impl Durations {
    fn of(micros: &Micros) -> Self {
        let micros = &micros.0;
        let at = |quantile| float(micros.value_at_quantile(quantile)) / 1e3;
        Self {
            count: micros.len(),
            mean_ms: micros.mean() / 1e3,
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: float(micros.max()) / 1e3,
        }
    }
}

impl Answers {
    fn of(figures: &Figures) -> Self {
        let requests = figures.micros.0.len();
        let hits = figures.origins.iter().filter(|(origin, _)| origin.is_hit()).map(|(_, count)| count).sum();
        Self {
            requests,
            origins: figures.origins.clone(),
            hit_ratio: share(hits, requests),
            possible_hit_ratio: share(requests - figures.novel, requests),
        }
    }
}

/// A part of a whole, 0 to 1; of nothing, 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

#[allow(clippy::cast_precision_loss)] // Nobody reads so many digits.
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Novelty, Outcome, Record};
    use std::time::Duration;

    #[test]
    fn a_part_adds_up_endpoints_and_classes() {
        let record = Record::default();
        let add = |endpoint, novelty, micros, outcome| {
            record.add(Phase::Hold, endpoint, novelty, Duration::from_micros(micros), outcome);
        };
        add(Endpoint::Product, Novelty::New, 4_000, Outcome::Answered(Origin::Fetched));
        add(Endpoint::Product, Novelty::Known, 200, Outcome::Answered(Origin::Hit));
        add(Endpoint::Popular, Novelty::Known, 300, Outcome::Answered(Origin::StaleHit));
        add(Endpoint::Popular, Novelty::Known, 9_000, Outcome::Failed("timeout".to_owned()));
        add(Endpoint::Health, Novelty::Known, 100, Outcome::Answered(Origin::Fetched));
        add(Endpoint::Event, Novelty::Known, 100, Outcome::Answered(Origin::Direct));
        let figures = record.take().into_iter().map(|((_, endpoint), figures)| (endpoint, figures)).collect();
        let part = Part::of(&figures, 2.0);
        assert_eq!((part.overall.durations.count, part.hits.count), (5, 2), "the event is not the shop's");
        assert!((part.requests_per_second - 2.5).abs() < 1e-9 && (part.overall.success - 0.8).abs() < 1e-9);
        assert!((part.classes[&Class::Product].hit_ratio - 0.5).abs() < 1e-9);
        assert!((part.classes[&Class::Aggregation].hit_ratio - 0.5).abs() < 1e-9);
        assert!((part.cacheable.hit_ratio - 0.5).abs() < 1e-9);
        assert!((part.cacheable.possible_hit_ratio - 0.75).abs() < 1e-9);
    }
}
