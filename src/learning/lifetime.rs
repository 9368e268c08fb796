//! How long an answer may be kept: what a cache would have served out of date, had it kept each for so long.

use super::sequences::Sequence;
use std::cmp::Reverse;
use std::time::Duration;

/// The lifetimes that are tried, in seconds.
const LADDER_SECS: [u64; 10] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/// Of so many answers out of the cache at most one is out of date within its lifetime.
const OLD_AT_MOST_ONE_IN: usize = 20;

/// Of so many at most one is out of date at all: what is served stale is fetched anew, and out of date for one client.
const STALE_AT_MOST_ONE_IN: usize = 10;

/// Of so many answers that could come out of the cache, one may be given up for a longer lifetime.
const FEWER_AT_MOST_ONE_IN: usize = 50;

/// A lifetime with the time after it in which a stale answer is served while it is fetched anew, and what both would have
/// come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) ttl: Duration,
    pub(super) stale_while_revalidate: Duration,
    /// How many answers would have come out of the cache, and how many of those would have been out of date.
    pub(super) hits: usize,
    pub(super) stale: usize,
    /// How many were out of date within the lifetime.
    pub(super) old: usize,
}

impl Lifetime {
    const fn is_allowed(&self) -> bool {
        self.hits > 0 && self.old * OLD_AT_MOST_ONE_IN <= self.hits && self.stale * STALE_AT_MOST_ONE_IN <= self.hits
    }
}

/// The longest lifetime, not above `watched`, with which next to no answer would have been out of date and nearly as many
/// as possible would have come out of the cache; `None` if answers change too soon.
///
/// What is asked for seldom is a hit because it is served stale once, and then fetched anew: a change shows only to the
/// first who asks after it. So the time after the lifetime may be long where the lifetime itself must be short.
pub(super) fn longest(sequences: &[Sequence<'_>], watched: Duration) -> Option<Lifetime> {
    let durations = || LADDER_SECS.into_iter().map(Duration::from_secs).filter(|duration| *duration <= watched);
    let after = |ttl| durations().filter(move |more| *more >= ttl).chain([Duration::ZERO]);
    let pairs = durations().flat_map(|ttl| after(ttl).map(move |more| (ttl, more)));
    let tried = pairs.map(|(ttl, more)| replay(sequences, ttl, more));
    let allowed: Vec<Lifetime> = tried.filter(Lifetime::is_allowed).collect();
    let most = allowed.iter().map(|kept| kept.hits).max()?;
    let is_enough = |kept: &&Lifetime| kept.hits * FEWER_AT_MOST_ONE_IN >= most * (FEWER_AT_MOST_ONE_IN - 1);
    // The shortest time after it of those with as many: nobody gets anything older for nothing.
    allowed
        .iter()
        .filter(is_enough)
        .max_by_key(|kept| (kept.ttl, kept.hits, Reverse(kept.stale_while_revalidate)))
        .copied()
}

fn replay(sequences: &[Sequence<'_>], ttl: Duration, stale_while_revalidate: Duration) -> Lifetime {
    let mut kept = Lifetime { ttl, stale_while_revalidate, hits: 0, stale: 0, old: 0 };
    for sequence in sequences {
        let mut stored = None;
        for look in sequence {
            match stored {
                Some((digest, until)) if look.begun < until => {
                    kept.hits += 1;
                    kept.stale += usize::from(digest != look.digest);
                    kept.old += usize::from(digest != look.digest);
                }
                Some((digest, until)) if look.begun < until + stale_while_revalidate => {
                    kept.hits += 1;
                    kept.stale += usize::from(digest != look.digest);
                    stored = Some((look.digest, look.ended + ttl));
                }
                _ => stored = Some((look.digest, look.ended + ttl)),
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::notebook::Page;
    use crate::learning::samples::page;
    use crate::learning::sequences::Recipe;

    fn ttl_secs(page: &Page, watched_secs: u64) -> Option<u64> {
        let sequences = Recipe::default().sequences(&[page]);
        longest(&sequences, Duration::from_secs(watched_secs)).map(|kept| kept.ttl.as_secs())
    }

    #[test]
    fn what_never_changes_is_kept_for_as_long_as_was_watched() {
        let still: Vec<_> = (0..100).map(|second| (1, second, 7)).collect();
        let page = page("/a", &still);
        assert_eq!(ttl_secs(&page, 100), Some(60));
        assert_eq!(ttl_secs(&page, 0), None, "nothing was watched for so long");
        assert_eq!(ttl_secs(&page, 5), Some(5));
    }

    #[test]
    fn what_changes_now_and_then_is_kept_for_less() {
        // Each answer holds for some ten minutes.
        let changing: Vec<_> = (0..3_600).map(|second| (1, second, second / 607)).collect();
        let page_of = |looks: &[(u64, u64, u64)]| page("/a", looks);
        let kept_secs = ttl_secs(&page_of(&changing), 3_600).expect("it holds for long enough");
        assert!((5..=60).contains(&kept_secs), "{kept_secs}");
        let restless: Vec<_> = (0..100).map(|second| (1, second, second)).collect();
        assert_eq!(ttl_secs(&page_of(&restless), 100), None);
    }

    #[test]
    fn what_changes_often_is_served_stale_to_one_in_ten_and_old_within_its_lifetime_to_one_in_twenty() {
        // Asked for every seven seconds.
        for (period, expected) in [(150, Some(15)), (89, Some(5)), (61, None)] {
            let changing: Vec<_> = (0..600).map(|n| (1, n * 7, n * 7 / period)).collect();
            let page = page("/a", &changing);
            let kept = longest(&Recipe::default().sequences(&[&page]), Duration::from_mins(10));
            assert_eq!(kept.map(|kept| kept.ttl.as_secs()), expected, "{period}: {kept:?}");
            assert!(kept.is_none_or(|kept| kept.stale * 10 <= kept.hits && kept.old * 20 <= kept.hits), "{kept:?}");
        }
    }

    #[test]
    fn what_is_asked_for_seldom_is_served_stale_once_and_fetched_anew() {
        // One is asked for every second and changes every 50 seconds, the other is asked for every 100 seconds.
        let busy: Vec<_> = (0..600).map(|second| (1, second, second / 50)).collect();
        let seldom: Vec<_> = (0..60).map(|n| (1, n * 100, 7)).collect();
        let (busy, seldom) = (page("/a", &busy), page("/b", &seldom));
        let sequences = Recipe::default().sequences(&[&busy, &seldom]);
        let kept = longest(&sequences, Duration::from_hours(1)).expect("it holds");
        assert!(kept.ttl < Duration::from_secs(30), "{kept:?}");
        assert!((100..=120).contains(&kept.stale_while_revalidate.as_secs()), "{kept:?}");
        assert!(kept.hits > 600 + 50 && kept.old * 20 <= kept.hits && kept.stale * 10 <= kept.hits, "{kept:?}");
    }
}
