//! How long an answer may be kept: what a cache would have served out of date, had it kept each for so long.

use super::sequences::Sequence;
use std::time::Duration;

/// The lifetimes that are tried, in seconds.
const LADDER_SECS: [u64; 10] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/// Of so many answers out of the cache at most one is out of date.
const STALE_AT_MOST_ONE_IN: usize = 20;

/// A lifetime, and what it would have come to, with as long a time again in which a stale answer is served while it is
/// fetched anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) ttl: Duration,
    /// How many answers would have come out of the cache, and how many of those would have been out of date.
    pub(super) hits: usize,
    pub(super) stale: usize,
}

/// The longest lifetime, not above `watched`, with which next to no answer would have been out of date; `None` if
/// answers change too soon.
pub(super) fn longest(sequences: &[Sequence<'_>], watched: Duration) -> Option<Lifetime> {
    let tried = LADDER_SECS.into_iter().map(Duration::from_secs).filter(|ttl| *ttl <= watched);
    let mut kept = tried.map(|ttl| replay(sequences, ttl));
    kept.rfind(|kept| kept.hits > 0 && kept.stale * STALE_AT_MOST_ONE_IN <= kept.hits)
}

fn replay(sequences: &[Sequence<'_>], ttl: Duration) -> Lifetime {
    let mut kept = Lifetime { ttl, hits: 0, stale: 0 };
    for sequence in sequences {
        let mut stored = None;
        for look in sequence {
            match stored {
                Some((digest, until)) if look.begun < until => {
                    kept.hits += 1;
                    kept.stale += usize::from(digest != look.digest);
                }
                Some((digest, until)) if look.begun < until + ttl => {
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
}
