//! The purges that this instance has heard of lately: what is fetched soon after one may come from a replica that has not.
//!
//! Each is remembered with the time at which it was applied here, which is no earlier than the change that it is about, for
//! the longest `settle` of any route. Over a bound, what comes counts as a purge of everything.

use super::Invalidation;
use crate::clock::Timestamp;
use crate::entry::settling::Settling;
use crate::scope::{Depth, Membership, RouteName, Scope, Tag, without_scheme};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// So many are told apart.
const HEARD_MAX: usize = 65_536;

/// Beyond that, those within so short a time count as one, at the later time.
const TOGETHER: Duration = Duration::from_millis(1);

/// When one scope was purged, in order, and how deep.
type Times = VecDeque<(Timestamp, Depth)>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RecentPurges {
    /// For how long each is remembered; zero where no route asks.
    within: Duration,
    /// All of them, in order.
    heard: VecDeque<(Timestamp, Scope)>,
    times: HashMap<Scope, Times>,
    /// Which of them are prefixes: each is compared.
    prefixes: HashMap<Box<str>, Times>,
}

impl RecentPurges {
    /// Remembers purges for so long from now on. Where that is longer than before, what was heard earlier is not known, and
    /// counts as a purge of everything.
    pub(super) fn remember_for(&mut self, within: Duration, now: Timestamp) {
        let is_longer = within > self.within;
        self.within = within;
        if is_longer {
            self.hear(&Scope::All, Depth::Hard, now);
        }
        self.forget(now);
    }

    /// Takes note of a purge.
    pub(super) fn hear(&mut self, scope: &Scope, depth: Depth, now: Timestamp) {
        if self.within.is_zero() {
            return;
        }
        self.forget(now);
        if self.heard.len() < HEARD_MAX {
            return self.note(scope, depth, now);
        }
        match self.heard.back_mut() {
            Some((at, Scope::All)) if now.since(*at) < TOGETHER => {
                *at = now;
                if let Some((at, known)) = self.times.get_mut(&Scope::All).and_then(VecDeque::back_mut) {
                    (*at, *known) = (now, depth.max(*known));
                }
            }
            _ => self.note(&Scope::All, depth, now),
        }
    }

    fn note(&mut self, scope: &Scope, depth: Depth, now: Timestamp) {
        let scope = match scope {
            Scope::Url(url) => Scope::Url(without_scheme(url).into()),
            Scope::Prefix(prefix) => Scope::Prefix(without_scheme(prefix).into()),
            other => other.clone(),
        };
        let times = match &scope {
            Scope::Prefix(prefix) => self.prefixes.entry(prefix.clone()).or_default(),
            other => self.times.entry(other.clone()).or_default(),
        };
        times.push_back((now, depth));
        self.heard.push_back((now, scope));
    }

    /// Forgets those that nothing fetched from now on can be too early for.
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.heard.front()
            && at.saturating_add(self.within) <= now
        {
            let Some((_, scope)) = self.heard.pop_front() else { return };
            match &scope {
                Scope::Prefix(prefix) => drop_first(&mut self.prefixes, prefix),
                other => drop_first(&mut self.times, other),
            }
        }
    }

    /// Until when an answer is kept whose fetch began then: where a purge of it came less than `settle` before, until that
    /// is over; of several, until it is over for the first.
    pub(super) fn settling(&self, membership: &Membership<'_>, began: Timestamp, settle: Duration) -> Option<Settling> {
        if self.heard.is_empty() {
            return None;
        }
        let url = without_scheme(membership.url);
        let path = membership.url.get(membership.path_start..).unwrap_or_default();
        let route = RouteName::clone(membership.route);
        let tags = membership.tags.to_tags().map(|tag: Tag| Scope::Tag(tag));
        let named = [Scope::All, Scope::Route(route), Scope::Url(url.into()), Scope::Url(path.into())];
        let times = named.into_iter().chain(tags).filter_map(|scope| self.times.get(&scope));
        let is_over = |prefix: &str| url.starts_with(prefix) || path.starts_with(prefix);
        let prefixes = self.prefixes.iter().filter(|(prefix, _)| is_over(prefix)).map(|(_, times)| times);
        times.chain(prefixes).fold(None, |found, times| Settling::both(found, unsettled(times, began, settle)))
    }
}

impl Invalidation {
    /// Remembers for so long, from now on, when purges were applied here; see [`Self::settling`].
    pub(crate) fn remember_purges_for(&self, within: Duration) {
        let now = self.clock.now();
        self.write_ledger().recent.remember_for(within, now);
    }

    /// Until when an answer is kept whose fetch began then, where a purge of it was applied here less than `settle` before:
    /// its origin may have asked a replica that did not have the change yet.
    pub(crate) fn settling(&self, membership: &Membership<'_>, began: Timestamp, settle: Duration) -> Option<Settling> {
        self.read_ledger().recent.settling(membership, began, settle)
    }
}

/// What the purges of one scope make of an answer whose fetch began then.
fn unsettled(times: &Times, began: Timestamp, settle: Duration) -> Option<Settling> {
    let first = times.partition_point(|(at, _)| at.saturating_add(settle) <= began);
    let (at, _) = times.get(first)?;
    let depth = times.range(first..).map(|(_, depth)| *depth).max()?;
    Some(Settling { until: at.saturating_add(settle), depth })
}

fn drop_first<K, Q>(times: &mut HashMap<K, Times>, key: &Q)
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(of_key) = times.get_mut(key) {
        of_key.pop_front();
        if of_key.is_empty() {
            times.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Tags;

    const START: Timestamp = Timestamp::from_secs(1_790_000_000);
    const SETTLE: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> Timestamp {
        START.saturating_add(Duration::from_millis(millis))
    }

    fn tag(name: &str) -> Scope {
        Scope::Tag(Tag::new(name).expect("a tag"))
    }

    /// What is remembered of these purges, each at so many milliseconds.
    fn heard(purges: &[(u64, Scope, Depth)]) -> RecentPurges {
        let mut recent = RecentPurges::default();
        recent.remember_for(SETTLE, START.saturating_sub(SETTLE));
        for (millis, scope, depth) in purges {
            recent.hear(scope, *depth, at(*millis));
        }
        recent
    }

    /// Until when the page of product 1 is kept, fetched at so many milliseconds.
    fn kept(recent: &RecentPurges, fetched: u64) -> Option<(u64, Depth)> {
        let tags = [Tag::new("product:1").expect("a tag"), Tag::new("shoes").expect("a tag")];
        let route = RouteName::new("page");
        let url = "https://shop.example.com/p/1?a";
        let membership = Membership { url, path_start: 24, route: &route, tags: Tags::Listed(&tags) };
        let settling = recent.settling(&membership, at(fetched), SETTLE)?;
        Some((u64::try_from(settling.until.since(START).as_millis()).expect("it is short"), settling.depth))
    }

    #[test]
    fn what_any_purge_of_it_came_shortly_before_is_kept_until_that_is_settled() {
        let hard = Depth::Hard;
        for scope in [
            Scope::All,
            Scope::Route(RouteName::new("page")),
            tag("product:1"),
            Scope::Url("https://shop.example.com/p/1?a".into()),
            Scope::Url("http://shop.example.com/p/1?a".into()),
            Scope::Url("/p/1?a".into()),
            Scope::Prefix("/p/".into()),
            Scope::Prefix("/p/1?".into()),
            Scope::Prefix("http://shop.example.com/".into()),
        ] {
            let recent = heard(&[(100, scope.clone(), hard)]);
            assert_eq!(kept(&recent, 100), Some((2_100, hard)), "{scope:?}");
            assert_eq!(kept(&recent, 2_099), Some((2_100, hard)), "{scope:?}");
            assert_eq!(kept(&recent, 2_100), None, "{scope:?}");
        }
        for scope in [tag("product:2"), Scope::Url("/p/1".into()), Scope::Prefix("/q".into())] {
            assert_eq!(kept(&heard(&[(100, scope.clone(), hard)]), 100), None, "{scope:?}");
        }
    }

    #[test]
    fn of_several_purges_the_first_that_has_not_settled_counts() {
        let (soft, hard) = (Depth::Soft, Depth::Hard);
        let recent = heard(&[(0, tag("shoes"), soft), (500, tag("product:1"), soft), (1_000, tag("shoes"), hard)]);
        assert_eq!(kept(&recent, 1_500), Some((2_000, hard)));
        assert_eq!(kept(&recent, 2_000), Some((2_500, hard)));
        assert_eq!(kept(&recent, 2_500), Some((3_000, hard)));
        assert_eq!(kept(&recent, 3_000), None);
        let recent = heard(&[(0, tag("shoes"), soft)]);
        assert_eq!(kept(&recent, 1_000), Some((2_000, soft)));
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_is_too_much_counts_as_everything() {
        let mut recent = heard(&[]);
        for number in 0..70_000_u64 {
            recent.hear(&tag(&format!("other:{number}")), Depth::Soft, at(number / 1_000));
        }
        assert!(recent.heard.len() <= HEARD_MAX + 10, "{}", recent.heard.len());
        assert_eq!(kept(&recent, 100), Some((2_065, Depth::Soft)), "told apart up to the bound");
        recent.hear(&tag("last"), Depth::Soft, at(10_000));
        assert_eq!((recent.heard.len(), recent.times.len(), recent.prefixes.len()), (1, 1, 0));
    }

    #[test]
    fn before_it_remembers_everything_counts_as_purged() {
        let mut recent = RecentPurges::default();
        recent.hear(&tag("product:1"), Depth::Soft, at(0));
        assert_eq!(kept(&recent, 0), None, "nobody asks");
        recent.remember_for(SETTLE, at(1_000));
        assert_eq!(kept(&recent, 1_500), Some((3_000, Depth::Hard)));
        recent.remember_for(SETTLE, at(5_000));
        assert_eq!(kept(&recent, 5_000), None, "a reload that asks for no more changes nothing");
        recent.remember_for(Duration::ZERO, at(5_000));
        recent.hear(&Scope::All, Depth::Soft, at(5_000));
        assert_eq!(kept(&recent, 5_000), None);
    }
}
