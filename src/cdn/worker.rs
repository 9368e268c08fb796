//! Makes the purges of the log at one CDN, in the log's order: each once every live instance has applied it, so that the CDN doesn't
//! fill itself with the old again. A call that fails is made again until it is done; the place in the log moves on after it.

use super::CdnOptions;
use super::asked::{Asked, Part};
use super::client::{Answered, call};
use super::kind::Call;
use super::metrics::Counts;
use super::place::{BEAT, Claim, Failing, Outcome, Place, State};
use super::repeats::Repeats;
use crate::clock::{Clock, Timestamp};
use crate::fleet::link::LinkError;
use crate::invalidation::following::{Follower, LogPlace, Passage};
use crate::scope::Depth;
use crate::secret;
use crate::stamp::Stamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The pauses before a call is made again, doubled each time.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_mins(1));

/// So many calls at most are made for a part of the log: what takes more is a purge of everything.
const CALLS_MAX: usize = 100;

/// The pause after Redis has failed.
const REDIS_RETRY: Duration = Duration::from_millis(500);

/// One CDN.
pub(super) struct Worker {
    pub(super) options: CdnOptions,
    pub(super) counts: Counts,
    follower: Follower,
    place: Place,
    clock: Arc<dyn Clock>,
    now: Mutex<Now>,
}

/// What it is at.
#[derive(Debug, Default)]
struct Now {
    /// Since when the oldest purge waits.
    waiting_since: Option<Timestamp>,
    failing: Option<Failing>,
    /// Before then it makes no call.
    next_call: Option<Instant>,
}

impl Worker {
    pub(super) fn new(options: CdnOptions, follower: Follower, place: Place, clock: Arc<dyn Clock>) -> Self {
        Self { options, counts: Counts::default(), follower, place, clock, now: Mutex::default() }
    }

    /// Makes purges for as long as the instance lives, while no other instance does.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            match self.place.claim().await {
                Ok(Claim::Won) => {
                    let ended = tokio::select! {
                        ended = self.follow() => ended,
                        ended = self.hold() => ended,
                    };
                    *self.at() = Now::default();
                    if let Err(error) = ended {
                        tracing::warn!(cdn = self.options.name, %error, "how far the CDN was purged can't be read or written; it goes on once it can");
                    }
                    sleep(REDIS_RETRY).await;
                }
                Ok(Claim::Taken) | Err(_) => sleep(BEAT).await,
            }
        }
    }

    /// Where the purge at this place in the log stands.
    pub(super) async fn state(&self, stamp: Stamp) -> State {
        self.place.state(stamp).await
    }

    /// How long the oldest purge has waited.
    pub(super) fn lag(&self) -> Duration {
        self.at().waiting_since.map_or(Duration::ZERO, |since| self.clock.now().since(since))
    }

    /// Holds the lease; ends when another has it, or it can't be renewed.
    async fn hold(&self) -> Result<(), LinkError> {
        loop {
            sleep(BEAT).await;
            let failing = self.at().failing.clone();
            if self.place.renew(failing).await? == Claim::Taken {
                return Ok(());
            }
        }
    }

    async fn follow(&self) -> Result<(), LinkError> {
        let mut after = self.place.load().await?;
        let mut to_repeat = Repeats::default();
        loop {
            let passage = tokio::select! {
                passage = self.follower.next(after) => passage?,
                (passage, before) = to_repeat.due() => {
                    // Once more: an answer that was on its way to the CDN before may have been stored there since.
                    let outcome = self.make(&passage).await;
                    self.note(&passage, before, outcome, to_repeat.since()).await?;
                    continue;
                }
            };
            if !passage.purged.is_empty() {
                self.at().waiting_since.get_or_insert(passage.since);
            }
            self.follower.applied_everywhere(passage.end.stamp).await;
            let outcome = self.make(&passage).await;
            let (before, end) = (after, passage.end);
            after = Some(end);
            if self.options.repeat_after.is_zero() || (passage.purged.is_empty() && to_repeat.is_empty()) {
                self.note(&passage, before, outcome, None).await?;
            } else {
                to_repeat.add(Instant::now() + self.options.repeat_after, passage, before);
            }
        }
    }

    /// Notes that the purges of a passage were made; the oldest of those that are still to be made waits since `waiting_since`.
    async fn note(
        &self,
        passage: &Passage,
        after: Option<LogPlace>,
        outcome: Outcome,
        waiting_since: Option<Timestamp>,
    ) -> Result<(), LinkError> {
        self.place.done(passage, after, outcome.bounded()).await?;
        let mut at = self.at();
        (at.waiting_since, at.failing) = (waiting_since, None);
        Ok(())
    }

    /// Makes the purges of a passage.
    async fn make(&self, passage: &Passage) -> Outcome {
        let mut asked = Asked::of(&passage.purged, self.options.kind.abilities(), &self.options.hosts);
        let mut ids = Vec::new();
        loop {
            match self.ask(&asked, &mut ids).await {
                Ok(()) => break,
                Err(why) => asked = Asked::widened(Depth::Hard, why),
            }
        }
        if let Some(why) = &asked.widened {
            self.counts.widened();
            tracing::warn!(
                cdn = self.options.name,
                why,
                "the CDN was purged of everything, since it can't be asked for less"
            );
        }
        let words: Vec<String> = asked.parts.iter().map(Part::describe).collect();
        let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        Outcome { at_ms: self.clock.now().as_millis(), asked: words, widened: asked.widened, ids }
    }

    /// Asks until it is done. What the CDN has no words for, or refuses, it says: then everything must be asked for.
    async fn ask(&self, asked: &Asked, ids: &mut Vec<String>) -> Result<(), String> {
        let calls = loop {
            let error = match self.token() {
                // What is missing may come.
                Err(error) => error,
                Ok(token) => match self.calls(asked, token.as_deref()) {
                    Ok(calls) => break calls,
                    Err(why) if !is_everything(asked) => return Err(why),
                    Err(why) => why,
                },
            };
            self.failed(error, None).await;
        };
        if calls.len() > CALLS_MAX && !is_everything(asked) {
            return Err(format!("it would take {} calls", calls.len()));
        }
        for call in &calls {
            ids.extend(self.until_done(call, is_everything(asked)).await?);
        }
        Ok(())
    }

    /// The token as it is in its file now.
    fn token(&self) -> Result<Option<String>, String> {
        match self.options.token_file.as_deref().map(secret::token_in) {
            Some(None) => Err("the file of its token holds none".to_owned()),
            read => Ok(read.flatten()),
        }
    }

    fn calls(&self, asked: &Asked, token: Option<&str>) -> Result<Vec<Call>, String> {
        let mut calls = Vec::new();
        for part in &asked.parts {
            calls.extend(self.options.kind.calls(part, token).map_err(|error| error.to_string())?);
        }
        Ok(calls)
    }

    /// Makes a call again and again until it is done. Returns the CDN's name for it.
    async fn until_done(&self, request: &Call, is_everything: bool) -> Result<Option<String>, String> {
        loop {
            self.wait_for_turn().await;
            let answered = call(request, self.options.trust.as_ref(), self.options.timeout, self.clock.now()).await;
            match answered {
                Answered::Done(id) => {
                    self.counts.done();
                    self.at().failing = None;
                    return Ok(id);
                }
                Answered::Refused(said) if !is_everything => {
                    self.counts.failed();
                    return Err(format!("it refuses less ({said})"));
                }
                Answered::Refused(said) => self.failed(said, None).await,
                Answered::Later(said, after) => self.failed(said, after).await,
            }
        }
    }

    async fn wait_for_turn(&self) {
        let turn = self.at().next_call;
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
        self.at().next_call = self.options.rate.map(|rate| Instant::now() + rate.each());
    }

    /// Notes a failure, and waits before the next attempt: as long as the CDN says, or longer each time.
    async fn failed(&self, error: String, after: Option<Duration>) {
        let times = {
            let mut at = self.at();
            let times = at.failing.as_ref().map_or(1, |failing| failing.times + 1);
            at.failing = Some(Failing { error: error.clone(), times });
            times
        };
        self.counts.failed();
        if times == 1 {
            tracing::warn!(
                cdn = self.options.name,
                error,
                "a purge at the CDN failed; it is tried again until it succeeds"
            );
        }
        let doublings = u32::try_from(times - 1).unwrap_or(u32::MAX).min(16);
        let pause = RETRY.0.saturating_mul(1 << doublings).min(RETRY.1);
        // No sooner than the CDN says.
        sleep(after.unwrap_or(pause)).await;
    }

    fn at(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_everything(asked: &Asked) -> bool {
    matches!(asked.parts.as_slice(), [Part::Everything(_)])
}
