//! What was counted of each route, and what it would be worth if it were cached.

use super::standing::{Amounts, Bounds, Measure};
use super::windows::Piece;
use datasketches::common::NumStdDev;
use datasketches::hll::{HllType, HllUnion};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The base-two logarithm of the registers that estimate how many URLs there are: off by 4.6 % at most, 95 times of a hundred.
const LG_REGISTERS: u8 = 11;

/// The numbers by route; `None` is no route.
#[derive(Default)]
pub(super) struct ByRoute(pub(super) BTreeMap<Option<Arc<str>>, RouteCounts>);

/// The numbers of one.
#[derive(Default)]
pub(super) struct RouteCounts {
    pub(super) amounts: Amounts,
    uncached: Option<Uncached>,
}

/// GET requests that the origin answered with something that was not kept.
struct Uncached {
    gets: u64,
    upstream_micros: u64,
    urls: HllUnion,
}

/// What a route would be worth if its answers were kept and the same for everybody: all requests for a URL but the
/// first would not reach the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IfCached {
    /// GET requests that the origin answered with something that was not kept.
    pub(crate) gets: u64,
    /// Those of them whose URL had been asked for before.
    pub(crate) repeats: Bounds,
    /// What they cost at the origin, in microseconds.
    pub(crate) upstream_micros: Bounds,
}

impl Uncached {
    fn new() -> Self {
        let urls = HllUnion::new(LG_REGISTERS).expect("so many registers are allowed");
        Self { gets: 0, upstream_micros: 0, urls }
    }
}

impl ByRoute {
    /// Counts for a route.
    pub(super) fn of(&mut self, route: Option<&Arc<str>>) -> &mut RouteCounts {
        self.0.entry(route.cloned()).or_default()
    }
}

impl RouteCounts {
    /// Counts.
    pub(super) fn count(&mut self, amounts: &Amounts) {
        for (sum, amount) in self.amounts.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(*amount);
        }
    }

    /// Counts a GET whose answer was not kept, for the URL with this hash.
    pub(super) fn count_uncached(&mut self, url: u64, amounts: &Amounts) {
        let uncached = self.uncached.get_or_insert_with(Uncached::new);
        uncached.gets = uncached.gets.saturating_add(amounts[Measure::Requests as usize]);
        let micros = amounts[Measure::UpstreamMicros as usize];
        uncached.upstream_micros = uncached.upstream_micros.saturating_add(micros);
        uncached.urls.update_value(url);
    }

    /// What it would be worth if what was not kept had been.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, between nothing and all of the requests"
    )]
    pub(super) fn if_cached(&self) -> Option<IfCached> {
        let Uncached { gets, upstream_micros, urls } = self.uncached.as_ref()?;
        let repeats_of = |urls: f64| gets.saturating_sub(urls.round() as u64);
        let at_least = repeats_of(urls.upper_bound(NumStdDev::Two));
        let at_most = repeats_of(urls.lower_bound(NumStdDev::Two)).min(gets.saturating_sub(1));
        let cost = |repeats: u64| (*upstream_micros as f64 * (repeats as f64 / (*gets).max(1) as f64)) as u64;
        let upstream_micros = Bounds { at_least: cost(at_least), at_most: cost(at_most) };
        Some(IfCached { gets: *gets, repeats: Bounds { at_least, at_most }, upstream_micros })
    }
}

impl Piece for ByRoute {
    fn merge(&mut self, other: &Self) {
        for (route, counts) in &other.0 {
            let sum = self.of(route.as_ref());
            sum.count(&counts.amounts);
            if let Some(other) = &counts.uncached {
                let uncached = sum.uncached.get_or_insert_with(Uncached::new);
                uncached.gets = uncached.gets.saturating_add(other.gets);
                uncached.upstream_micros = uncached.upstream_micros.saturating_add(other.upstream_micros);
                uncached.urls.update(&other.urls.to_sketch(HllType::Hll8));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_uncached_route_would_be_worth_is_what_repeats_cost() {
        let mut pieces = [ByRoute::default(), ByRoute::default()];
        for round in 0..4_u64 {
            for url in 0..1_000_u64 {
                let amounts = [1, 0, 0, 10, 100, 0];
                let piece = &mut pieces[usize::try_from(round % 2).unwrap()];
                piece.of(None).count_uncached(url.wrapping_mul(0x9e37_79b9_7f4a_7c15), &amounts);
            }
        }
        let mut sum = ByRoute::default();
        for piece in &pieces {
            sum.merge(piece);
        }
        let worth = sum.0[&None].if_cached().unwrap();
        assert_eq!(worth.gets, 4_000);
        assert!(worth.repeats.at_least <= 3_000 && 3_000 <= worth.repeats.at_most, "{worth:?}");
        assert!(worth.repeats.at_most - worth.repeats.at_least < 200, "{worth:?}");
        assert!(worth.upstream_micros.at_least <= 300_000 && 300_000 <= worth.upstream_micros.at_most, "{worth:?}");
        assert!(ByRoute::default().of(None).if_cached().is_none());
    }
}
