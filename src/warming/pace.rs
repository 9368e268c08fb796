//! How fast a list is warmed: so many at once, so many in a time, and slower while the origin fails.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The most that may be fetched at once.
pub(crate) const CONCURRENT_MAX: usize = 64;

/// How many are fetched at once where nobody says.
const CONCURRENT_DEFAULT: NonZeroUsize = NonZeroUsize::new(4).expect("it is not zero");

/// The pause after one failure; doubled with each that follows, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(16));

/// So many fetches in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rate {
    /// The mean time between two.
    each: Duration,
}

/// What is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no rate like \"50/s\", \"300/m\" or \"1000/h\"")]
pub(crate) struct NoRate;

impl Rate {
    /// Reads `50/s`, `300/m` or `1000/h`.
    ///
    /// # Errors
    /// Where it is something else, or no fetch at all.
    pub(crate) fn parse(text: &str) -> Result<Self, NoRate> {
        let (count, unit) = text.split_once('/').ok_or(NoRate)?;
        let secs = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(NoRate),
        };
        let count: NonZeroU32 = count.trim().parse().map_err(|_| NoRate)?;
        Ok(Self { each: Duration::from_secs(secs) / count.get() })
    }
}

/// How fast a list is warmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pace {
    /// How many are fetched at once.
    pub(crate) concurrent: NonZeroUsize,
    /// How many are fetched in a time; `None`: as fast as the origin answers.
    pub(crate) rate: Option<Rate>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { concurrent: CONCURRENT_DEFAULT, rate: None }
    }
}

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
        let each = pace.rate.map_or(Duration::ZERO, |rate| rate.each);
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

    #[test]
    fn a_rate_is_a_count_and_a_unit() {
        let each = |text: &str| Rate::parse(text).map(|rate| rate.each);
        assert_eq!(each("50/s"), Ok(Duration::from_millis(20)));
        assert_eq!(each(" 30 / m "), Ok(Duration::from_secs(2)));
        assert_eq!(each("3600/h"), Ok(Duration::from_secs(1)));
        for wrong in ["", "50", "/s", "0/s", "-1/s", "1.5/s", "50/d", "50/s/s", "99999999999/s"] {
            assert_eq!(each(wrong), Err(NoRate), "{wrong:?}");
        }
    }

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
