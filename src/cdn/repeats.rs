//! Purges that were made at a CDN once, and are made again after a while.

use crate::clock::Timestamp;
use crate::invalidation::following::{LogPlace, Passage};
use std::collections::VecDeque;
use std::future::pending;
use tokio::time::{Instant, sleep_until};

/// So many passages are kept apart; later ones join the last.
const KEPT_MAX: usize = 100;

/// In the log's order.
#[derive(Debug, Default)]
pub(super) struct Repeats(VecDeque<Repeat>);

#[derive(Debug)]
struct Repeat {
    due: Instant,
    passage: Passage,
    /// Where it begins.
    after: Option<LogPlace>,
}

impl Repeats {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the first of them was asked for.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.0.front().map(|first| first.passage.since)
    }

    /// To be made again at `due`.
    pub(super) fn add(&mut self, due: Instant, passage: Passage, after: Option<LogPlace>) {
        let is_full = self.0.len() >= KEPT_MAX;
        match self.0.back_mut().filter(|_| is_full) {
            Some(last) => {
                last.passage.join(passage);
                last.due = due;
            }
            None => self.0.push_back(Repeat { due, passage, after }),
        }
    }

    /// Takes out what is to be made again, all of it that is due, once something is.
    pub(super) async fn due(&mut self) -> (Passage, Option<LogPlace>) {
        match self.0.front() {
            Some(first) => sleep_until(first.due).await,
            None => pending().await,
        }
        // Nobody else takes any out.
        let Repeat { mut passage, after, .. } = self.0.pop_front().expect("the first is still there");
        let now = Instant::now();
        while let Some(next) = self.0.pop_front_if(|next| next.due <= now) {
            passage.join(next.passage);
        }
        (passage, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalidation::following::{Continuity, Purged};
    use crate::stamp::Stamp;
    use std::time::Duration;

    fn passage(count: u64) -> Passage {
        let end = LogPlace { stamp: Stamp::local(count), entries: count };
        Passage { end, purged: Purged::default(), since: Timestamp::from_secs(count), continuity: Continuity::Kept }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_comes_out_together_and_none_before_its_time() {
        let (mut repeats, began) = (Repeats::default(), Instant::now());
        let after = |count| Some(passage(count).end);
        for count in 1..=3 {
            repeats.add(began + Duration::from_secs(count), passage(count), after(count - 1));
        }
        let (first, before) = repeats.due().await;
        assert_eq!((first.end, before, began.elapsed()), (passage(1).end, after(0), Duration::from_secs(1)));
        assert_eq!(repeats.since(), Some(Timestamp::from_secs(2)));
        tokio::time::advance(Duration::from_secs(5)).await;
        let (rest, before) = repeats.due().await;
        assert_eq!((rest.end, rest.since, before), (passage(3).end, Timestamp::from_secs(2), after(1)));
        assert!(repeats.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_there_are_few_are_kept_apart_and_none_is_lost() {
        let (mut repeats, began) = (Repeats::default(), Instant::now());
        for count in 1..=1_000 {
            repeats.add(began + Duration::from_secs(count), passage(count), None);
        }
        assert_eq!(repeats.0.len(), KEPT_MAX);
        assert_eq!(repeats.0.back().map(|last| last.passage.end), Some(passage(1_000).end));
    }
}
