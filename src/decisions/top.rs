//! The report of what stands out: keys or search terms, and the routes, over one window.

use super::by_route::IfCached;
use super::standing::{Amounts, Bounds, Key, Measure, Ranked};
use super::tally::Counts;
use std::time::Duration;

/// What is asked for.
pub(crate) struct Wanted {
    pub(crate) what: What,
    pub(crate) by: Measure,
    /// Only those of this route; `-`: of none.
    pub(crate) route: Option<String>,
    pub(crate) limit: usize,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Keys,
    Terms,
}

/// What stands out.
pub(crate) struct Top {
    /// How far back it was counted.
    pub(crate) covers: Duration,
    /// Decisions made in that time.
    pub(crate) decisions: u64,
    /// Those that were looked at.
    pub(crate) looked_at: u64,
    /// The keys or terms, most first.
    pub(crate) ranked: Vec<Ranked>,
    pub(crate) routes: Vec<RouteTop>,
    /// Requests that were not counted by key or by term, since that is too long.
    pub(crate) too_long: u64,
}

/// What was counted of a route.
pub(crate) struct RouteTop {
    /// `None`: requests that match no route.
    pub(crate) route: Option<String>,
    pub(crate) amounts: Amounts,
    pub(crate) if_cached: Option<IfCached>,
}

impl Wanted {
    fn admits(&self, route: Option<&str>) -> bool {
        self.route.as_deref().is_none_or(|wanted| route.unwrap_or("-") == wanted)
    }
}

impl Top {
    pub(super) fn of(counts: &Counts, wanted: &Wanted, covers: Duration) -> Self {
        let (standing, too_long) = match wanted.what {
            What::Keys => (&counts.keys, counts.keys_too_long),
            What::Terms => (&counts.terms, counts.terms_too_long),
        };
        let is_wanted = |key: &Key| wanted.admits(key.route.as_deref());
        let mut ranked = standing.ranked(wanted.by, wanted.limit, is_wanted);
        for ranked in &mut ranked {
            widen(ranked, counts.weight_max);
        }
        let routes = counts.routes.0.iter().filter(|(route, _)| wanted.admits(route.as_deref()));
        let mut routes: Vec<_> = routes
            .map(|(route, counts)| RouteTop {
                route: route.as_deref().map(str::to_owned),
                amounts: counts.amounts,
                if_cached: counts.if_cached(),
            })
            .collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.amounts[wanted.by as usize]));
        let Counts { decisions, looked_at, .. } = *counts;
        Self { covers, decisions, looked_at, ranked, routes, too_long }
    }
}

/// Widens bounds by two standard deviations where a decision stands for up to `weight` of them: of a number of requests
/// that were looked at with that chance, and of what they come to.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a deviation, estimated"
)]
fn widen(ranked: &mut Ranked, weight: u64) {
    if weight <= 1 {
        return;
    }
    let requests = ranked.amounts[Measure::Requests as usize].at_most.max(1) as f64;
    let relative = 2.0 * ((weight - 1) as f64 / requests).sqrt();
    for Bounds { at_least, at_most } in &mut ranked.amounts {
        let deviation = (*at_most as f64 * relative) as u64;
        *at_least = at_least.saturating_sub(deviation);
        *at_most = at_most.saturating_add(deviation);
    }
}
