//! Transactions that have come already are handed on together, as one purge.

use super::batch::Batch;
use crate::engine::Engine;
use std::time::Duration;
use tokio::time::Instant;

/// Transactions wait for others at most so long before they are handed on.
const TOGETHER: Duration = Duration::from_millis(5);

/// More than so many scopes are not put together.
const TOGETHER_SCOPES_MAX: usize = 5_000;

/// Where transactions end in the database's log.
pub(super) trait Place {
    /// Goes on to the end of a later one.
    fn follow(&mut self, later: Self);
}

/// Transactions that were read whole and wait.
#[derive(Debug)]
pub(super) struct Together<P> {
    waiting: Option<(Batch, P, Instant)>,
}

/// What else is about to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// More is here already, or a transaction is being read.
    Coming,
    /// All is read that has come.
    NotYet,
}

impl<P: Place> Together<P> {
    pub(super) const fn new() -> Self {
        Self { waiting: None }
    }

    /// Adds a transaction that was read whole.
    pub(super) fn add(&mut self, batch: Batch, place: P) {
        match &mut self.waiting {
            Some((waiting, end, _)) => {
                waiting.absorb(batch);
                end.follow(place);
            }
            None => self.waiting = Some((batch, place, Instant::now())),
        }
    }

    /// Where those end that wait.
    pub(super) fn place(&mut self) -> Option<&mut P> {
        self.waiting.as_mut().map(|(_, place, _)| place)
    }

    /// Those that wait, if nothing is gained by waiting longer.
    pub(super) fn handed_on(&mut self, engine: &Engine, more: More) -> Option<(Batch, P)> {
        let (batch, _, since) = self.waiting.as_ref()?;
        let is_due = more == More::NotYet || batch.len() >= TOGETHER_SCOPES_MAX || since.elapsed() >= TOGETHER;
        let other_rules = || batch.rules().number() != engine.rules().number();
        if is_due || other_rules() { self.waiting.take().map(|(batch, place, _)| (batch, place)) } else { None }
    }

    /// How long to wait for more, where that is `otherwise` if none wait.
    pub(super) fn wait(&self, otherwise: Duration) -> Duration {
        self.waiting.as_ref().map_or(otherwise, |_| TOGETHER)
    }
}
