//! The numbers as families of samples, a row of the [`table`] each.

use super::Metrics;
use super::requests::{RequestCounts, STATUS_CLASSES};
use super::sources::{MEMORY, REDIS};
use super::table::{self, MetricRow};
use crate::engine::outcome::Outcome;
use crate::histogram::{BOUNDS_MICROS, DurationCounts};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::sync::atomic::Ordering;

/// The families of everything but the process, those without a sample included.
pub(super) fn all(metrics: &Metrics) -> Vec<MetricFamily> {
    let requests = metrics.requests();
    let mut families = of_requests(&requests).to_vec();
    for (row, count) in [(&table::CLOSED_FOR_ROOM, &metrics.closed_for_room), (&table::WAITED, &metrics.waited)] {
        families.push(family(row, [number(row, &[], count.load(Ordering::Relaxed))]));
    }
    families.push(of_lookups(metrics, &requests));
    families.extend(of_tiers(metrics));
    let in_flight = (metrics.sources.in_flight)();
    families.push(family(&table::IN_FLIGHT, [number(&table::IN_FLIGHT, &[], in_flight.held_bytes)]));
    families.push(family(&table::CUT_OFF, [number(&table::CUT_OFF, &[], in_flight.cut_off)]));
    families.extend(of_servers(metrics));
    families.extend(of_invalidation(metrics));
    families.push(family(&table::REFRESHES, [number(&table::REFRESHES, &[], (metrics.sources.refreshes)())]));
    let admissions = (metrics.sources.admissions)();
    let admissions =
        admissions.iter().map(|(route, result, count)| number(&table::ADMISSIONS, &[route.as_str(), result], *count));
    families.push(family(&table::ADMISSIONS, admissions));
    let events = (metrics.sources.events)();
    let events =
        events.iter().map(|event| number(&table::EVENTS, &[event.source, &event.kind, event.result], event.count));
    families.push(family(&table::EVENTS, events));
    families.extend(of_fleet(metrics));
    families.extend(of_rules(metrics));
    families.push(family(&table::BUILD_INFO, [number(&table::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1)]));
    families
}

fn of_requests(requests: &[RequestCounts]) -> [MetricFamily; 4] {
    let totals = requests.iter().flat_map(|counts| {
        let classes = STATUS_CLASSES.iter().zip(counts.classes).filter(|(_, count)| *count > 0);
        classes.map(|(class, count)| number(&table::REQUESTS, &[&counts.route, counts.outcome.label(), class], count))
    });
    let reasons = requests.iter().flat_map(|counts| {
        let outcome = counts.outcome.label();
        let reasons = counts.reasons.iter();
        reasons.map(move |(reason, count)| number(&table::REQUEST_REASONS, &[&counts.route, outcome, reason], *count))
    });
    let durations = requests
        .iter()
        .map(|counts| histogram(&table::REQUEST_DURATION, &[&counts.route, counts.outcome.label()], &counts.durations));
    let coalesced = requests
        .iter()
        .filter(|counts| counts.outcome == Outcome::Collapsed)
        .map(|counts| number(&table::COALESCED, &[&counts.route], counts.total()));
    [
        family(&table::REQUESTS, totals),
        family(&table::REQUEST_REASONS, reasons),
        family(&table::REQUEST_DURATION, durations),
        family(&table::COALESCED, coalesced),
    ]
}

/// A cacheable request looks once into the memory tier, and its outcome tells what it found, but for a hit that the
/// shared tier answered; that one counts its look-ups itself.
fn of_lookups(metrics: &Metrics, requests: &[RequestCounts]) -> MetricFamily {
    let found = |outcome| match outcome {
        Outcome::Hit => Some("hit"),
        Outcome::Stale | Outcome::Revalidated => Some("stale"),
        Outcome::Miss | Outcome::Collapsed => Some("miss"),
        Outcome::Bypass | Outcome::Pass | Outcome::Error => None,
    };
    let fleet = (metrics.sources.fleet)().unwrap_or_default();
    let samples = ["hit", "stale", "miss"].map(|result| {
        let counts = requests.iter().filter(|counts| found(counts.outcome) == Some(result));
        let total: u64 = counts.map(RequestCounts::total).sum();
        let total = match result {
            "hit" => total.saturating_sub(fleet.answered),
            "miss" => total.saturating_add(fleet.answered),
            _ => total,
        };
        number(&table::LOOKUPS, &[MEMORY, result], total)
    });
    let shared = fleet.lookups.iter().map(|(result, count)| number(&table::LOOKUPS, &[REDIS, result], *count));
    family(&table::LOOKUPS, samples.into_iter().chain(shared))
}

fn of_tiers(metrics: &Metrics) -> [MetricFamily; 3] {
    let tiers = metrics.tiers();
    let evictions = tiers.iter().flat_map(|tier| {
        tier.evictions.iter().map(|(reason, count)| number(&table::EVICTIONS, &[tier.tier, reason], *count))
    });
    let entries = tiers.iter().map(|tier| number(&table::ENTRIES, &[tier.tier], tier.entries));
    let bytes = tiers.iter().map(|tier| number(&table::BYTES, &[tier.tier], tier.bytes));
    [family(&table::ENTRIES, entries), family(&table::BYTES, bytes), family(&table::EVICTIONS, evictions)]
}

fn of_servers(metrics: &Metrics) -> [MetricFamily; 5] {
    let servers = metrics.servers();
    let requests = servers.iter().flat_map(|usage| {
        usage.requests.iter().map(|(result, count)| number(&table::UPSTREAM_REQUESTS, &[&usage.server, result], *count))
    });
    let durations =
        servers.iter().map(|usage| histogram(&table::UPSTREAM_DURATION, &[&usage.server], &usage.durations));
    let retries = servers.iter().flat_map(|usage| {
        let counts = usage.retries.iter();
        counts.map(|(cause, count)| number(&table::UPSTREAM_RETRIES, &[usage.pool, &usage.server, cause], *count))
    });
    let up = servers.iter().map(|usage| number(&table::UPSTREAM_UP, &[usage.pool, &usage.server], usage.up));
    let connections = servers.iter().flat_map(|usage| {
        let counts = usage.connections.iter();
        counts.map(|(state, count)| number(&table::UPSTREAM_CONNECTIONS, &[usage.pool, &usage.server, state], *count))
    });
    [
        family(&table::UPSTREAM_REQUESTS, requests),
        family(&table::UPSTREAM_DURATION, durations),
        family(&table::UPSTREAM_RETRIES, retries),
        family(&table::UPSTREAM_UP, up),
        family(&table::UPSTREAM_CONNECTIONS, connections),
    ]
}

fn of_invalidation(metrics: &Metrics) -> [MetricFamily; 4] {
    let invalidation = &metrics.sources.invalidation;
    let purges = invalidation
        .purge_counts()
        .into_iter()
        .map(|count| number(&table::PURGES, &[count.scope, count.source.label()], count.count));
    let barriers = u64::try_from(invalidation.barriers()).unwrap_or(u64::MAX);
    [
        family(&table::PURGES, purges),
        family(&table::PURGE_LAG, [histogram(&table::PURGE_LAG, &[], &invalidation.purge_lags())]),
        family(&table::INVALIDATION_POSITION, [number(&table::INVALIDATION_POSITION, &[], invalidation.generation())]),
        family(&table::BARRIERS, [number(&table::BARRIERS, &[], barriers)]),
    ]
}

fn of_fleet(metrics: &Metrics) -> [MetricFamily; 4] {
    let fleet = (metrics.sources.fleet)();
    let counts = |row: &'static MetricRow, counts: &[(&'static str, u64)]| {
        family(row, counts.iter().map(|(label, count)| number(row, &[label], *count)))
    };
    let open = fleet.as_ref().map(|fleet| number(&table::REDIS_BREAKER, &[], fleet.breaker_open));
    let fleet = fleet.unwrap_or_default();
    [
        family(&table::REDIS_BREAKER, open),
        counts(&table::FLEET_CLAIMS, &fleet.claims),
        counts(&table::REDIS_FAILURES, &fleet.failures),
        counts(&table::REDIS_WRITES, &fleet.writes),
    ]
}

fn of_rules(metrics: &Metrics) -> [MetricFamily; 2] {
    let rules = metrics.rules();
    let reloads = [("accepted", rules.accepted), ("refused", rules.refused)]
        .map(|(result, count)| number(&table::RULES_RELOADS, &[result], count));
    [
        family(&table::RULES_RELOADS, reloads),
        family(&table::RULES_REJECTED, [number(&table::RULES_REJECTED, &[], rules.rejected_now)]),
    ]
}

fn family(row: &MetricRow, samples: impl IntoIterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(row.name.to_owned());
    family.set_help(row.help.to_owned());
    family.set_field_type(row.kind);
    family.set_metric(samples.into_iter().collect());
    family
}

fn sample(row: &MetricRow, values: &[&str]) -> Metric {
    debug_assert_eq!(row.labels.len(), values.len(), "{}", row.name);
    let labels = row.labels.iter().zip(values).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(labels.collect())
}

/// The format knows only floating point; counts beyond 2^53 lose their last digits there and nowhere else.
#[allow(clippy::cast_precision_loss)]
fn number(row: &MetricRow, values: &[&str], count: u64) -> Metric {
    let mut sample = sample(row, values);
    if row.kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(count as f64);
        sample.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(count as f64);
        sample.set_gauge(gauge);
    }
    sample
}

#[allow(clippy::cast_precision_loss)]
fn histogram(row: &MetricRow, values: &[&str], counts: &DurationCounts) -> Metric {
    let mut below = 0;
    let buckets = BOUNDS_MICROS.iter().zip(counts.buckets).map(|(bound, count)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound as f64 / 1e6);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_sum(counts.sum_nanos as f64 / 1e9);
    histogram.set_sample_count(counts.count());
    let mut sample = sample(row, values);
    sample.set_histogram(histogram);
    sample
}
