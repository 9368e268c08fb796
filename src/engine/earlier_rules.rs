//! The rules that were in force before: a purge that was asked for by a route or a tag of theirs holds after a reload, too.
//!
//! What is stored is judged by what it was stored with and by every set of rules that was in force since. So many sets are
//! remembered; what is older than the oldest of them is unproven, and validated.

use crate::rules::RuleSet;
use crate::scope::{RouteName, Scope};
use crate::stamp::Stamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many sets of rules are remembered.
const SETS_MAX: usize = 16;

/// Rules that are no longer in force.
#[derive(Debug, Clone)]
struct Replaced {
    rules: Arc<RuleSet>,
    /// The last purge that they may have named something for.
    at: Stamp,
}

/// The sets of rules before the one in force, oldest first.
#[derive(Debug, Clone)]
pub(super) struct EarlierRules {
    sets: Vec<Replaced>,
    /// What routes were called in all of them, also in those that are not remembered.
    route_names: BTreeSet<RouteName>,
    /// Until here, rules are not remembered.
    forgotten: Stamp,
}

impl Default for EarlierRules {
    fn default() -> Self {
        Self { sets: Vec::new(), route_names: BTreeSet::new(), forgotten: Stamp::ZERO }
    }
}

impl EarlierRules {
    /// The same, and `rules`, which were in force until the purge of stamp `at` was applied.
    pub(super) fn and(&self, rules: Arc<RuleSet>, at: Stamp) -> Self {
        let mut more = self.clone();
        more.route_names.extend(rules.routes().iter().map(|route| route.name.clone()));
        more.sets.push(Replaced { rules, at });
        while more.sets.len() > SETS_MAX {
            more.forgotten = more.sets.remove(0).at;
        }
        more
    }

    /// What routes were called.
    pub(super) const fn route_names(&self) -> &BTreeSet<RouteName> {
        &self.route_names
    }

    /// Whether rules that are no longer in force, as far as they are remembered, gave something this tag or route.
    pub(super) fn gave(&self, scope: &Scope) -> bool {
        self.has_forgotten_since(Stamp::ZERO) || self.sets.iter().any(|replaced| replaced.rules.may_give(scope))
    }

    /// Whether there are any.
    pub(super) const fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The rules that a purge above `stamp` may have been asked for under.
    pub(super) fn since(&self, stamp: Stamp) -> impl Iterator<Item = &Arc<RuleSet>> {
        self.sets.iter().filter(move |replaced| replaced.at > stamp).map(|replaced| &replaced.rules)
    }

    /// Whether there were rules since `stamp` that are not remembered.
    pub(super) fn has_forgotten_since(&self, stamp: Stamp) -> bool {
        stamp < self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        Stamp::parse(&format!("{number}-0")).unwrap()
    }

    #[test]
    fn the_last_sets_are_remembered_and_the_time_of_those_before_is_known() {
        let rules = || Arc::new(RuleSet::new(Vec::new()).unwrap());
        let mut earlier = EarlierRules::default();
        assert!(!earlier.has_forgotten_since(Stamp::ZERO));
        for at in 1..=18 {
            earlier = earlier.and(rules(), stamp(at));
        }
        assert_eq!(earlier.since(stamp(0)).count(), SETS_MAX);
        assert_eq!(earlier.since(stamp(17)).count(), 1);
        assert_eq!(earlier.since(stamp(18)).count(), 0);
        assert!(earlier.has_forgotten_since(stamp(1)) && !earlier.has_forgotten_since(stamp(2)));
    }
}
