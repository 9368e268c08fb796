//! How fast a list is warmed: so many at once, so many in a time, and slower while the origin fails.

use crate::rules::warm::{Pace, Rate};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The pause after one failure; doubled with each that follows, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(16));

/// When the next one of a list may begin.
#[derive(Debug)]
pub(super) struct Turns {
    each: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: Instant,
    failures: u32,
}

/// What one that was begun came to, as far as the pace goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// The origin was not asked.
    Nothing,
    /// It was, and answered.
    Fetch,
    /// It failed.
    Failure,
}

impl Turns {
    pub(super) fn new(pace: Pace) -> Self {
        let each = pace.rate.map_or(Duration::ZERO, Rate::each);
        Self { each, state: Mutex::new(State { next: Instant::now(), failures: 0 }) }
    }

    /// Waits until the next may begin.
    pub(super) async fn wait(&self) {
        let (next, pause) = {
            let state = self.state();
            (state.next, pause_after(state.failures))
        };
        sleep_until(next).await;
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }

    /// Notes what one came to. Only what the origin was asked for counts.
    pub(super) fn note(&self, took: Took) {
        let mut state = self.state();
        match took {
            Took::Nothing => return,
            Took::Fetch => state.failures = 0,
            Took::Failure => state.failures = state.failures.saturating_add(1),
        }
        state.next = state.next.max(Instant::now()) + self.each;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // It is whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause_after(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        failures => PAUSES.0.saturating_mul(1 << (failures - 1).min(16)).min(PAUSES.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fetches_keep_to_the_rate_and_what_was_there_costs_no_time() {
        let turns = Turns::new(Pace { rate: Some(Rate::parse("10/s").unwrap()), ..Pace::default() });
        let began = Instant::now();
        for _ in 0..100 {
            turns.wait().await;
            turns.note(Took::Nothing);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            turns.wait().await;
            turns.note(Took::Fetch);
        }
        turns.wait().await;
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_that_fails_is_asked_less_and_less_until_it_answers() {
        let turns = Turns::new(Pace::default());
        for expected_ms in [250, 500, 1000, 2000, 4000, 8000, 16_000, 16_000] {
            turns.note(Took::Failure);
            let began = Instant::now();
            turns.wait().await;
            assert_eq!(began.elapsed(), Duration::from_millis(expected_ms));
        }
        turns.note(Took::Fetch);
        let began = Instant::now();
        turns.wait().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
