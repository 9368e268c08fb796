//! Which keys and search terms stand out by how much, in fixed memory: a Misra-Gries summary for each measure, which knows
//! how far it may be off.

use super::windows::Piece;
use datasketches::frequencies::{ErrorType, FrequentItemsSketch};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The slots of one summary. Three quarters of them are used.
const SLOTS: usize = 512;

/// What is counted of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Requests.
    Requests,
    /// Those that were answered from the cache without asking the origin.
    Hits,
    /// Those of cached routes that were not: fetched, confirmed, or shared with another's fetch.
    Misses,
    /// Bytes of bodies.
    Bytes,
    /// Microseconds that the origin was waited for.
    UpstreamMicros,
    /// Microseconds of the origin that hits and shared fetches have spared.
    SavedMicros,
}

impl Measure {
    /// Every measure.
    pub(crate) const ALL: [Self; 6] =
        [Self::Requests, Self::Hits, Self::Misses, Self::Bytes, Self::UpstreamMicros, Self::SavedMicros];
}

/// How much of each measure.
pub(super) type Amounts = [u64; Measure::ALL.len()];

/// A key as the rules make it of a request, or a search term.
#[derive(Debug)]
pub(crate) struct Key {
    /// Made with a secret, so that nobody can choose it.
    pub(super) hash: u64,
    pub(crate) route: Option<Arc<str>>,
    /// Empty for a term.
    pub(crate) host: Box<str>,
    /// Path and query, or the term.
    pub(crate) text: Box<str>,
    pub(super) asked: Asked,
}

/// How long the origin took when it was asked, lately.
#[derive(Debug, Default)]
pub(super) struct Asked {
    times: AtomicU64,
    micros: AtomicU64,
}

/// After so many times, what was before counts half.
const TIMES_MAX: u64 = 1 << 10;

impl Asked {
    /// Counts one time. One thread counts.
    pub(super) fn count(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (mut times, mut sum) = (self.times.load(Ordering::Relaxed), self.micros.load(Ordering::Relaxed));
        if times >= TIMES_MAX {
            (times, sum) = (times / 2, sum / 2);
        }
        self.times.store(times + 1, Ordering::Relaxed);
        self.micros.store(sum.saturating_add(micros), Ordering::Relaxed);
    }

    /// The mean in microseconds, where it was asked at all.
    pub(super) fn mean(&self) -> Option<u64> {
        self.micros.load(Ordering::Relaxed).checked_div(self.times.load(Ordering::Relaxed))
    }
}

/// A key in a summary.
#[derive(Debug, Clone)]
pub(super) struct Item(pub(super) Arc<Key>);

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (&*self.0, &*other.0);
        std::ptr::eq(one, other) || (&one.route, &one.host, &one.text) == (&other.route, &other.host, &other.text)
    }
}

impl Eq for Item {}

/// What a number is at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) at_least: u64,
    pub(crate) at_most: u64,
}

/// One that stands out, with its numbers by measure.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub(crate) key: Arc<Key>,
    pub(crate) amounts: [Bounds; Measure::ALL.len()],
}

/// The summaries, by measure.
pub(super) struct Standing([FrequentItemsSketch<Item>; Measure::ALL.len()]);

impl Default for Standing {
    fn default() -> Self {
        let empty = |_| FrequentItemsSketch::new(SLOTS).expect("the slots are a power of two");
        Self(std::array::from_fn(empty))
    }
}

impl Standing {
    /// Counts.
    pub(super) fn count(&mut self, item: &Item, amounts: &Amounts) {
        for (summary, amount) in self.0.iter_mut().zip(amounts) {
            if *amount > 0 {
                summary.update_with_count_ref(item, *amount);
            }
        }
    }

    /// Those that stand out most by a measure, and are `wanted`.
    pub(super) fn ranked(&self, by: Measure, limit: usize, wanted: impl Fn(&Key) -> bool) -> Vec<Ranked> {
        let rows = self.0[by as usize].frequent_items(ErrorType::NoFalseNegatives);
        let wanted = rows.into_iter().filter(|row| wanted(&row.item().0)).take(limit);
        let ranked = wanted.map(|row| {
            let amounts = self.0.each_ref().map(|summary| Bounds {
                at_least: summary.lower_bound(row.item()),
                at_most: summary.upper_bound(row.item()),
            });
            Ranked { key: Arc::clone(&row.item().0), amounts }
        });
        ranked.collect()
    }
}

impl Piece for Standing {
    fn merge(&mut self, other: &Self) {
        for (summary, other) in self.0.iter_mut().zip(&other.0) {
            summary.merge(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn item(number: u64) -> Item {
        let text = number.to_string().into();
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Item(Arc::new(Key { hash, route: None, host: "".into(), text, asked: Asked::default() }))
    }

    proptest! {
        #[test]
        fn the_exact_number_is_within_the_bounds_and_what_stands_out_is_there(
            skewed in proptest::collection::vec((0_u32..12, 0_u64..100_000, 1_u64..50), 1..3_000),
            parts in 1_usize..8,
        ) {
            let mut exact: HashMap<u64, u64> = HashMap::new();
            let mut pieces: Vec<Standing> = (0..parts).map(|_| Standing::default()).collect();
            for (place, (shift, number, amount)) in skewed.into_iter().enumerate() {
                let number = number >> shift;
                *exact.entry(number).or_default() += amount;
                pieces[place % parts].count(&item(number), &[amount, 0, 0, 0, 0, 0]);
            }
            let mut sum = Standing::default();
            for piece in &pieces {
                sum.merge(piece);
            }
            let ranked = sum.ranked(Measure::Requests, usize::MAX, |_| true);
            let total: u64 = exact.values().sum();
            let error = sum.0[0].maximum_error();
            prop_assert!(error <= total / 64, "{} of {}", error, total);
            for Ranked { key, amounts } in &ranked {
                let number = exact[&key.text.parse::<u64>().unwrap()];
                let Bounds { at_least, at_most } = amounts[0];
                prop_assert!((at_least..=at_most).contains(&number) && at_most - at_least <= error);
                prop_assert_eq!(amounts[1].at_least, 0);
            }
            for (number, amount) in exact {
                let is_there = ranked.iter().any(|ranked| *ranked.key.text == number.to_string());
                prop_assert!(is_there || amount <= error, "{} is missing with {}", number, amount);
            }
        }
    }

    #[test]
    fn the_mean_follows_what_the_origin_takes_lately() {
        let asked = Asked::default();
        assert_eq!(asked.mean(), None);
        (0..2_000).for_each(|_| asked.count(Duration::from_millis(100)));
        assert_eq!(asked.mean(), Some(100_000));
        (0..8_000).for_each(|_| asked.count(Duration::from_millis(10)));
        assert!(asked.mean().is_some_and(|mean| mean < 11_000), "{:?}", asked.mean());
    }
}
