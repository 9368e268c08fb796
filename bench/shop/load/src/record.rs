//! What was measured: durations, failures and where answers came from, for each endpoint and part of the run.

use crate::cache_status::Origin;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    Health,
    Search,
    List,
    Categories,
    Popular,
    Analytics,
    Metrics,
    Product,
    Inventory,
    Suggest,
    SetPrice,
    SetStock,
    /// An event sent to Larder's admin API. Not one of the shop's requests.
    Event,
}

/// Endpoints whose hit ratio is told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    Product,
    Inventory,
    Aggregation,
    Search,
    List,
}

impl Endpoint {
    /// Its class; none for what no cache may answer.
    pub(crate) const fn class(self) -> Option<Class> {
        match self {
            Self::Product => Some(Class::Product),
            Self::Inventory => Some(Class::Inventory),
            Self::Categories | Self::Popular | Self::Analytics => Some(Class::Aggregation),
            Self::Search | Self::Suggest => Some(Class::Search),
            Self::List => Some(Class::List),
            Self::Health | Self::Metrics | Self::SetPrice | Self::SetStock | Self::Event => None,
        }
    }

    /// Whether it is sent to the shop, and so counts in what is told of all requests.
    pub(crate) const fn is_shop(self) -> bool {
        !matches!(self, Self::Event)
    }
}

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Users are still coming or settling.
    Ramp,
    /// All are there, and have settled.
    Hold,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A good answer, and where it came from.
    Answered(Origin),
    /// None, or a bad one; why, in few words.
    Failed(String),
}

/// Whether a cache could have had the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Novelty {
    /// Neither in the cache nor asked for in this run before, or not since it was changed: the origin has to be asked.
    New,
    /// Asked before.
    Known,
}

/// What a change makes of what was asked for before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Changes {
    /// Its next request is as good as the first.
    #[default]
    New,
    /// It is fetched again before a user asks for it.
    Refreshed,
}

/// The figures of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Microseconds of every request, failed ones too.
    pub(crate) micros: Micros,
    /// Microseconds of those that the cache answered.
    pub(crate) hit_micros: Micros,
    pub(crate) origins: BTreeMap<Origin, u64>,
    pub(crate) failures: BTreeMap<String, u64>,
    /// Requests that no cache could have answered.
    pub(crate) novel: u64,
}

/// The longest duration that is told from longer ones, in microseconds: longer than any request may last.
const MICROS_MAX: u64 = 600_000_000;

/// Durations in microseconds, to three digits.
#[derive(Debug)]
pub(crate) struct Micros(pub(crate) Histogram<u64>);

impl Default for Micros {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, MICROS_MAX, 3).expect("these bounds are within what it can keep"))
    }
}

impl Micros {
    fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }
}

impl Figures {
    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.micros.add(&other.micros);
        self.hit_micros.add(&other.hit_micros);
        other.origins.iter().for_each(|(origin, count)| *self.origins.entry(*origin).or_default() += count);
        other.failures.iter().for_each(|(why, count)| *self.failures.entry(why.clone()).or_default() += count);
        self.novel += other.novel;
    }

    /// Requests that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// All figures of a run, and what has been asked for in it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    figures: Mutex<BTreeMap<(Phase, Endpoint), Figures>>,
    asked: Mutex<HashSet<String>>,
    changes: Changes,
}

impl Record {
    /// One of a run that begins with these paths in the cache.
    pub(crate) fn knowing(paths: impl Iterator<Item = String>, changes: Changes) -> Self {
        Self { asked: Mutex::new(paths.collect()), changes, ..Self::default() }
    }

    /// Adds a request.
    pub(crate) fn add(&self, phase: Phase, endpoint: Endpoint, novelty: Novelty, took: Duration, outcome: Outcome) {
        let mut figures = self.figures.lock().expect("nobody panics while holding it");
        let figures = figures.entry((phase, endpoint)).or_default();
        figures.micros.record(took);
        figures.novel += u64::from(novelty == Novelty::New);
        match outcome {
            Outcome::Failed(why) => *figures.failures.entry(why).or_default() += 1,
            Outcome::Answered(origin) => {
                *figures.origins.entry(origin).or_default() += 1;
                if origin.is_hit() {
                    figures.hit_micros.record(took);
                }
            }
        }
    }

    /// Notes that a path is asked for, and tells whether it has been before.
    pub(crate) fn asks(&self, path: &str) -> Novelty {
        let mut asked = self.asked.lock().expect("nobody panics while holding it");
        if asked.contains(path) {
            return Novelty::Known;
        }
        asked.insert(path.to_owned());
        Novelty::New
    }

    /// What is at a path has changed.
    pub(crate) fn changed(&self, path: &str) {
        if self.changes == Changes::Refreshed {
            return;
        }
        self.asked.lock().expect("nobody panics while holding it").remove(path);
    }

    /// Hands the figures over.
    pub(crate) fn take(&self) -> BTreeMap<(Phase, Endpoint), Figures> {
        std::mem::take(&mut *self.figures.lock().expect("nobody panics while holding it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_phase_endpoint_and_outcome() {
        let record = Record::default();
        let took = Duration::from_micros;
        record.add(Phase::Hold, Endpoint::Product, Novelty::New, took(900), Outcome::Answered(Origin::Fetched));
        record.add(Phase::Hold, Endpoint::Product, Novelty::Known, took(300), Outcome::Answered(Origin::Hit));
        record.add(Phase::Hold, Endpoint::Product, Novelty::Known, took(5_000), Outcome::Failed("timeout".to_owned()));
        record.add(Phase::Ramp, Endpoint::Product, Novelty::New, took(1), Outcome::Answered(Origin::Direct));
        let mut figures = record.take();
        let mut hold = figures.remove(&(Phase::Hold, Endpoint::Product)).expect("it was asked");
        assert_eq!((hold.micros.0.len(), hold.hit_micros.0.len(), hold.failed(), hold.novel), (3, 1, 1, 1));
        assert_eq!(hold.micros.0.value_at_quantile(0.5), 900);
        hold.add(&figures[&(Phase::Ramp, Endpoint::Product)]);
        assert_eq!((hold.micros.0.len(), hold.novel, hold.origins[&Origin::Direct]), (4, 2, 1));
    }

    #[test]
    fn what_is_in_the_cache_at_the_beginning_is_known_and_stays_so_where_it_is_refreshed() {
        let asked = |changes| {
            let record = Record::knowing(["/a".to_owned()].into_iter(), changes);
            let before = [record.asks("/a"), record.asks("/b")];
            record.changed("/a");
            (before, record.asks("/a"))
        };
        let before = [Novelty::Known, Novelty::New];
        assert_eq!(asked(Changes::New), (before, Novelty::New));
        assert_eq!(asked(Changes::Refreshed), (before, Novelty::Known));
    }

    #[test]
    fn a_change_makes_a_path_new_again() {
        let record = Record::default();
        assert_eq!(
            [record.asks("/a"), record.asks("/a"), record.asks("/b")],
            [Novelty::New, Novelty::Known, Novelty::New]
        );
        record.changed("/a");
        assert_eq!([record.asks("/a"), record.asks("/b")], [Novelty::New, Novelty::Known]);
    }
}
