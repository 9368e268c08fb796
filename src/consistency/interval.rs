//! How sure a measured rate is: the exact interval of Clopper and Pearson (Biometrika 26, 1934), which holds for rare things
//! and few samples too.

use statrs::distribution::{Beta, ContinuousCDF};

/// Of a hundred intervals, so many hold the true rate, or more.
pub(crate) const CONFIDENCE_PERCENT: f64 = 99.0;

/// What may lie beyond each end.
const TAIL: f64 = (1.0 - CONFIDENCE_PERCENT / 100.0) / 2.0;

/// The same in standard deviations of the normal distribution.
const DEVIATIONS: f64 = 2.575_829_303_548_901;

/// Where there are more of both, Wilson's interval is taken.
const MANY: f64 = 1_000.0;

/// How exact a bound is, in proportion to itself.
const PRECISION: f64 = 1e-7;

/// A rate between two bounds, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    /// The least that it may be.
    pub(crate) low: f64,
    /// The most.
    pub(crate) high: f64,
}

impl Interval {
    /// What is known of a rate where `found` of `compared` are so.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn of(found: u64, compared: u64) -> Self {
        let (k, n) = (found as f64, compared as f64);
        if found == 0 && compared > 0 {
            // The quantile has a closed form then.
            return Self { low: 0.0, high: -(TAIL.ln() / n).exp_m1() };
        }
        if k > MANY && n - k > MANY {
            return of_many(k, n);
        }
        let low = if found == 0 { 0.0 } else { quantile(TAIL, k, n - k + 1.0).unwrap_or(0.0) };
        let high = if found >= compared { 1.0 } else { quantile(1.0 - TAIL, k + 1.0, n - k).unwrap_or(1.0) };
        Self { low, high }
    }
}

/// Below which share of what is likely the rate lies with this probability; `None` if there is no such distribution. By
/// bisection, whose end is known: statrs's own search does not end for some of these.
fn quantile(share: f64, a: f64, b: f64) -> Option<f64> {
    let likely = Beta::new(a, b).ok()?;
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > high * PRECISION {
        let middle = f64::midpoint(low, high);
        if likely.cdf(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// Wilson's interval (Journal of the American Statistical Association 22, 1927): as good where both are many, where the
/// series behind the exact one converges too slowly.
fn of_many(k: f64, n: f64) -> Interval {
    let (rate, square) = (k / n, DEVIATIONS * DEVIATIONS);
    let middle = (rate + square / (2.0 * n)) / (1.0 + square / n);
    let half = DEVIATIONS / (1.0 + square / n) * (rate * (1.0 - rate) / n + square / (4.0 * n * n)).sqrt();
    Interval { low: middle - half, high: middle + half }
}

/// How many must be compared, and none found, until the rate is known to be at most this one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest number there is"
)]
pub(crate) fn needed_to_show(rate: f64) -> u64 {
    (TAIL.ln() / (-rate).ln_1p()).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use std::collections::BTreeMap;

    /// Of so many hits, how many are stale where each is with this probability: the gaps between them are geometric.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a gap is no less than zero, and rounded down"
    )]
    fn stale_among(hits: u64, rate: f64, random: &mut StdRng) -> u64 {
        let (mut at, mut stale) = (0_u64, 0);
        loop {
            let gap = (1.0 - random.random::<f64>()).ln() / (-rate).ln_1p();
            at = at.saturating_add(gap as u64 + 1);
            if at > hits {
                return stale;
            }
            stale += 1;
        }
    }

    #[test]
    fn the_planted_rate_lies_within_the_interval_in_at_least_95_of_100_runs() {
        for (rate, hits) in [(1e-3, 500), (1e-3, 10_000), (1e-4, 50_000), (1e-5, 500_000), (1e-5, 10_000_000)] {
            let mut holds = BTreeMap::new();
            let within = (0..100).filter(|seed| {
                let found = stale_among(hits, rate, &mut StdRng::seed_from_u64(*seed));
                *holds.entry(found).or_insert_with(|| {
                    let Interval { low, high } = Interval::of(found, hits);
                    (low..=high).contains(&rate)
                })
            });
            let within = within.count();
            assert!(within >= 95, "{rate} among {hits}: {within}");
        }
    }

    #[test]
    fn an_interval_is_as_narrow_as_what_is_known_allows() {
        for (found, compared, low, high) in [
            (0, 0, 0.0, 1.0),
            (0, 1, 0.0, 0.995),
            (1, 1, 0.005, 1.0),
            (0, 1_000, 0.0, 0.005_284),
            (5, 10, 0.128_3, 0.871_7),
            (10, 1_000_000, 3.717e-6, 2.150e-5),
            (1_000, 1_000_000, 9.205e-4, 1.084_3e-3),
            (100_000, 1_000_000, 0.099_23, 0.100_78),
            (990, 1_000, 0.978_3, 0.996_3),
        ] {
            let interval = Interval::of(found, compared);
            let is_near = |is: f64, wanted: f64| (is - wanted).abs() <= wanted * 1e-2;
            assert!(is_near(interval.low, low) && is_near(interval.high, high), "{found} of {compared}: {interval:?}");
        }
    }

    #[test]
    fn as_many_as_are_needed_show_a_rate_and_one_less_does_not() {
        for rate in [0.1, 1e-3, 1e-5] {
            let needed = needed_to_show(rate);
            assert!(Interval::of(0, needed).high <= rate * (1.0 + 1e-6), "{rate}: {needed}");
            assert!(Interval::of(0, needed - 1).high > rate, "{rate}: {needed}");
        }
    }
}
