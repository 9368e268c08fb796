//! Counts decisions: by key, by search term, by route, over sliding windows.
//!
//! Requests that a plain hit may have answered are counted one in so many, with that weight, where there are many of them;
//! all others are counted one by one.

use super::by_route::ByRoute;
use super::kept::Row;
use super::savings::Savings;
use super::standing::{Amounts, Item, Measure, Standing};
use super::view::View;
use super::windows::{Piece, Window, Windows};
use crate::clock::Timestamp;
use crate::engine::outcome::Outcome;
use crate::rules::RuleSet;
use std::sync::Arc;
use std::time::Duration;

/// So many hits are counted at each turn at most.
const HITS_A_TURN: usize = 2_000;

/// What was counted in a piece of time.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) keys: Standing,
    pub(super) terms: Standing,
    pub(super) routes: ByRoute,
    /// Decisions made.
    pub(super) decisions: u64,
    /// Those that were looked at.
    pub(super) looked_at: u64,
    /// For how many decisions one of them stands, at most.
    pub(super) weight_max: u64,
    /// Requests whose key is too long to be counted.
    pub(super) keys_too_long: u64,
    /// Searches whose term is.
    pub(super) terms_too_long: u64,
}

impl Piece for Counts {
    fn merge(&mut self, other: &Self) {
        self.keys.merge(&other.keys);
        self.terms.merge(&other.terms);
        self.routes.merge(&other.routes);
        self.decisions += other.decisions;
        self.looked_at += other.looked_at;
        self.weight_max = self.weight_max.max(other.weight_max);
        self.keys_too_long += other.keys_too_long;
        self.terms_too_long += other.terms_too_long;
    }
}

/// The counts.
#[derive(Default)]
pub(super) struct Tally {
    windows: Windows<Counts>,
    names: super::names::Names,
    pub(super) savings: Savings,
}

/// Counted from the cache, without asking the origin.
const FROM_CACHE: [Outcome; 2] = [Outcome::Hit, Outcome::Stale];

/// Not from the cache alone, though it might have been.
const MISSED: [Outcome; 3] = [Outcome::Miss, Outcome::Revalidated, Outcome::Collapsed];

impl Tally {
    /// Counts these rows. `missed` decisions before them are lost; what was counted stands for them.
    pub(super) fn count(&mut self, rows: &[Arc<Row>], missed: u64, rules: &Arc<RuleSet>, now: Timestamp) {
        let views = || rows.iter().flat_map(|row| View::all(&row.bytes));
        let (mut decisions, mut hits) = (0_u64, 0_usize);
        for view in views() {
            decisions += 1;
            hits += usize::from(view.outcome() == Outcome::Hit);
        }
        if decisions == 0 {
            return;
        }
        self.names.follow(rules);
        let counts = self.windows.current(now);
        counts.decisions += decisions + missed;
        // Rounded, as a weight is a whole number.
        let of_each = (missed + decisions / 2) / decisions + 1;
        let one_in = hits.div_ceil(HITS_A_TURN).max(1);
        let mut nth = if one_in > 1 { rand::random_range(0..one_in) } else { 0 };
        for view in views() {
            let mut weight = of_each;
            if view.outcome() == Outcome::Hit {
                nth += 1;
                if !nth.is_multiple_of(one_in) {
                    continue;
                }
                weight *= one_in as u64;
            }
            counts.looked_at += 1;
            counts.weight_max = counts.weight_max.max(weight);
            let names = self.names.of(view);
            counts.keys_too_long += if names.key.is_none() { weight } else { 0 };
            counts.terms_too_long += if names.term_is_too_long { weight } else { 0 };
            let upstream = view.upstream();
            if let (Some(key), Some(took)) = (&names.key, upstream) {
                key.0.asked.count(took);
            }
            let saved = self.savings.count(names.route.as_ref(), names.key.as_ref(), view, weight);
            let amounts = amounts(view, upstream, saved, weight);
            let route = counts.routes.of(names.route.as_ref());
            route.count(&amounts);
            if let (Some(Item(key)), true) = (&names.key, was_uncached(view)) {
                route.count_uncached(key.hash, &amounts);
            }
            if let Some(key) = &names.key {
                counts.keys.count(key, &amounts);
            }
            if let Some(term) = &names.term {
                counts.terms.count(term, &amounts);
            }
        }
    }

    /// What a window holds, and from when on.
    pub(super) fn read(&mut self, window: Window, now: Timestamp) -> (Counts, Timestamp) {
        self.windows.read(window, now)
    }
}

fn amounts(view: View<'_>, upstream: Option<Duration>, saved_micros: u64, weight: u64) -> Amounts {
    let outcome = view.outcome();
    let mut amounts = [0; Measure::ALL.len()];
    amounts[Measure::Requests as usize] = weight;
    amounts[Measure::Hits as usize] = if FROM_CACHE.contains(&outcome) { weight } else { 0 };
    amounts[Measure::Misses as usize] = if MISSED.contains(&outcome) { weight } else { 0 };
    amounts[Measure::Bytes as usize] = view.body_bytes().saturating_mul(weight);
    let micros = upstream.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    amounts[Measure::UpstreamMicros as usize] = micros.saturating_mul(weight);
    amounts[Measure::SavedMicros as usize] = saved_micros;
    amounts
}

/// Whether the origin answered a GET with something that could have been kept by another rule, and was not.
fn was_uncached(view: View<'_>) -> bool {
    let passed = matches!(view.outcome(), Outcome::Pass | Outcome::Bypass) || view.was_refused();
    passed && view.method() == b"GET" && view.upstream().is_some() && view.status().is_some_and(|status| status < 400)
}
