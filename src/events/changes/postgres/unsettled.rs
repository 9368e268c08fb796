//! What was purged, and is purged again once every replica has replayed the commits: until then an origin may have answered with
//! the rows of before.

use crate::events::changed::Changed;
use crate::rules::RuleSet;
use crate::rules::event::EventPurge;
use crate::scope::{Depth, Scope};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// More scopes than these become all that a change could name.
const SCOPES_MAX: usize = 100_000;

/// While a replica can't be asked, all that waits is purged again so often.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Unsettled {
    waiting: VecDeque<Waiting>,
    scopes: usize,
    /// Up to where nothing more than that has changed.
    passed: u64,
    raised_at: Instant,
}

#[derive(Debug)]
struct Waiting {
    /// The position that replicas must have replayed.
    end: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// These, by the rules of this number.
    Named(Vec<EventPurge>, u32),
    /// All that a change could name.
    Any,
}

impl Unsettled {
    /// Nothing waits.
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), scopes: 0, passed: 0, raised_at: Instant::now() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that changes before this position could name.
    pub(super) fn add_any(&mut self, end: u64) {
        self.push(end, What::Any);
    }

    /// What these transactions have named by the rules of this number.
    pub(super) fn add(&mut self, changed: &Changed, end: u64, rules: u32) {
        self.scopes += changed.purges.iter().map(|purge| purge.scopes.len()).sum::<usize>();
        self.push(end, What::Named(changed.purges.clone(), rules));
        if self.scopes > SCOPES_MAX {
            self.waiting.clear();
            self.scopes = 0;
            self.push(end, What::Any);
        }
    }

    /// Nothing that concerns the rules has changed up to here. Returns up to where all is settled, if nothing waits.
    pub(super) fn pass(&mut self, end: u64) -> Option<u64> {
        self.passed = self.passed.max(end);
        self.is_empty().then_some(self.passed)
    }

    /// What is to be purged again, now that replicas have replayed so much; and up to where all is settled then.
    pub(super) fn due(&mut self, replayed: Option<u64>, rules: &RuleSet) -> Option<(Changed, u64)> {
        let Some(replayed) = replayed else {
            let is_due = !self.is_empty() && self.raised_at.elapsed() >= AGAIN;
            return is_due.then(|| {
                self.raised_at = Instant::now();
                (changed(self.waiting.iter().map(|waiting| &waiting.what), rules), 0)
            });
        };
        let settled = self.waiting.partition_point(|waiting| waiting.end <= replayed);
        if settled == 0 {
            return None;
        }
        let settled: Vec<_> = self.waiting.drain(..settled).collect();
        let of = |waiting: &Waiting| match &waiting.what {
            What::Named(purges, _) => purges.iter().map(|purge| purge.scopes.len()).sum(),
            What::Any => 0,
        };
        self.scopes -= settled.iter().map(of).sum::<usize>();
        self.raised_at = Instant::now();
        let end = settled.last().map_or(0, |last| last.end);
        let end = if self.is_empty() { end.max(self.passed) } else { end };
        Some((changed(settled.iter().map(|waiting| &waiting.what), rules), end))
    }

    fn push(&mut self, end: u64, what: What) {
        if self.is_empty() {
            self.raised_at = Instant::now();
        }
        self.waiting.push_back(Waiting { end, what });
    }
}

/// One purge for each depth. By other rules than they were named by, they may be called otherwise: then all is purged that a
/// change could name.
fn changed<'w>(parts: impl Iterator<Item = &'w What>, rules: &RuleSet) -> Changed {
    let mut by_depth: BTreeMap<Depth, HashSet<Scope>> = BTreeMap::new();
    let mut is_wide = false;
    for what in parts {
        let purges = match what {
            What::Named(purges, number) => {
                is_wide |= *number != rules.number();
                purges
            }
            What::Any => {
                is_wide = true;
                continue;
            }
        };
        for EventPurge { scopes, depth } in purges {
            by_depth.entry(*depth).or_default().extend(scopes.iter().cloned());
        }
    }
    let named = by_depth.into_iter().map(|(depth, scopes)| EventPurge { scopes: scopes.into_iter().collect(), depth });
    let wide = if is_wide { rules.purges_on_missed_changes() } else { Vec::new() };
    Changed { purges: named.chain(wide).collect(), counts: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Route;
    use crate::rules::pattern::PathPattern;
    use crate::scope::{RouteName, Tag};

    fn rules() -> RuleSet {
        let route = Route::plain(RouteName::new("all"), PathPattern::parse("/**").expect("a pattern"));
        RuleSet::new(vec![route]).expect("one route makes a rule set").numbered(1)
    }

    fn tag(number: u64) -> Scope {
        Scope::Tag(Tag::new(&format!("product:{number}")).expect("a tag"))
    }

    fn of(number: u64) -> Changed {
        let purges = vec![EventPurge { scopes: vec![tag(number)], depth: Depth::Hard }];
        Changed { purges, counts: BTreeMap::new() }
    }

    fn scopes(changed: &Changed) -> Vec<Scope> {
        changed.purges.iter().flat_map(|purge| purge.scopes.clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_waits_for_its_own_commit_and_confirms_no_more_than_is_settled() {
        let (mut unsettled, rules) = (Unsettled::new(), rules());
        assert_eq!(unsettled.pass(5), Some(5), "nothing waits");
        unsettled.add(&of(1), 10, 1);
        unsettled.add(&of(2), 20, 1);
        assert_eq!(unsettled.pass(30), None);
        assert!(unsettled.due(Some(9), &rules).is_none());
        let (first, end) = unsettled.due(Some(19), &rules).expect("one is replayed");
        assert_eq!((scopes(&first), end), (vec![tag(1)], 10));
        let (second, end) = unsettled.due(Some(20), &rules).expect("the other is replayed");
        assert_eq!((scopes(&second), end), (vec![tag(2)], 30), "and what came after it concerned nobody");
        assert!(unsettled.due(Some(100), &rules).is_none());
        assert_eq!(unsettled.scopes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_replica_is_silent_all_is_purged_every_second_and_nothing_confirmed() {
        let (mut unsettled, rules) = (Unsettled::new(), rules());
        unsettled.add(&of(1), 10, 1);
        for _ in 0..3 {
            assert!(unsettled.due(None, &rules).is_none());
            tokio::time::advance(AGAIN).await;
            let (again, end) = unsettled.due(None, &rules).expect("it is time");
            assert_eq!((scopes(&again), end), (vec![tag(1)], 0));
        }
        assert_eq!(unsettled.due(Some(10), &rules).map(|(_, end)| end), Some(10));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_stays_bounded_and_waits_for_the_last() {
        let (mut unsettled, rules) = (Unsettled::new(), rules());
        for number in 0..=SCOPES_MAX as u64 {
            unsettled.add(&of(number), number, 1);
        }
        assert_eq!((unsettled.waiting.len(), unsettled.scopes), (1, 0));
        assert!(unsettled.due(Some(SCOPES_MAX as u64 - 1), &rules).is_none());
        assert!(unsettled.due(Some(SCOPES_MAX as u64), &rules).is_some());
    }
}
