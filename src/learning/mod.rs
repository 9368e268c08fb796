//! Rules that learn: while a session runs, answers that pass through are noted, and routes are proposed from them.
//!
//! [`watched`] stands before the engine and sees requests and answers as clients do, hits of the fast path aside. Of an
//! answer goes into the [`notebook`] what [`exchange`] says, by a queue of fixed length: a request never waits. When it is
//! asked what was learned, [`paths`] makes routes of URLs and [`judge`] says of each whether its answers may be shared.
//! Nothing of it ever comes into force by itself.

mod association;
mod exchange;

mod digest;
mod notebook;

#[cfg(test)]
mod samples;

mod paths;
mod swings;

mod sequences;

mod lifetime;
mod verdict;

mod parameters;

mod judge;

mod proposal;

mod render;

mod session;

pub(crate) mod watched;

use crate::clock::{Clock, Timestamp};
use crate::jobs::{Job, JobKind, Jobs, NotBegun};
use arc_swap::ArcSwapOption;
use proposal::Proposal;
use session::Session;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a session may last.
pub(crate) const DURATION_MAX: Duration = Duration::from_hours(24);

/// How a session goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LearnOrder {
    /// For how long it watches.
    pub(crate) duration: Duration,
    /// How many clients, by address, must stand behind each line.
    pub(crate) clients_min: usize,
    /// How many answers.
    pub(crate) answers_min: usize,
}

impl Default for LearnOrder {
    fn default() -> Self {
        Self { duration: Duration::from_mins(10), clients_min: 3, answers_min: 20 }
    }
}

/// Why no session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotWatching {
    /// One runs already.
    #[error("a session of learning runs already")]
    Running,
    /// The job can't begin.
    #[error(transparent)]
    Job(#[from] NotBegun),
}

/// Learns for one instance.
pub struct Learning {
    clock: Arc<dyn Clock>,
    jobs: Arc<Jobs>,
    /// The session that runs.
    watching: ArcSwapOption<Session>,
    /// The last session: that one, or one that has ended.
    last: Mutex<Option<Arc<Session>>>,
}

/// What was learned so far.
pub(crate) struct Learned {
    pub(crate) began_at: Timestamp,
    /// Whether the session still runs.
    pub(crate) phase: Phase,
    pub(crate) proposal: Arc<Proposal>,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Watching,
    Ended,
}

impl Phase {
    /// The stable label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::Ended => "ended",
        }
    }
}

impl Learning {
    /// One that watches nothing.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, jobs: Arc<Jobs>) -> Arc<Self> {
        Arc::new(Self { clock, jobs, watching: ArcSwapOption::empty(), last: Mutex::default() })
    }

    /// Begins a session, as a job. What an earlier one has learned is forgotten.
    ///
    /// # Errors
    /// Where one runs, or too many jobs do.
    pub(crate) fn begin(self: &Arc<Self>, order: LearnOrder) -> Result<Arc<Job>, NotWatching> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.watching.load().is_some() {
            return Err(NotWatching::Running);
        }
        let session = Arc::new(Session::new(order, self.clock.now()));
        self.watching.store(Some(Arc::clone(&session)));
        let about = format!("what passes through, for {}", humantime::format_duration(order.duration));
        let watching = Watching { learning: Arc::clone(self), session: Arc::clone(&session) };
        let job = self.jobs.begin(JobKind::Learn, about, |job| async move {
            watching.session.watch(&job).await;
            drop(watching);
            Ok(())
        })?;
        *last = Some(session);
        Ok(job)
    }

    /// What was learned so far; `None` if nothing was ever watched. Takes a second or so where much was noted.
    pub(crate) fn learned(&self) -> Option<Learned> {
        let session = Arc::clone(self.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?);
        let is_running = self.watching.load().as_ref().is_some_and(|running| Arc::ptr_eq(running, &session));
        let phase = if is_running { Phase::Watching } else { Phase::Ended };
        Some(Learned { began_at: session.began_at, phase, proposal: session.proposal(phase) })
    }

    /// The session that runs.
    fn session(&self) -> Option<Arc<Session>> {
        self.watching.load_full()
    }
}

/// A session that runs until this is dropped.
struct Watching {
    learning: Arc<Learning>,
    session: Arc<Session>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.session.ended();
        let running = self.learning.watching.load();
        if running.as_ref().is_some_and(|running| Arc::ptr_eq(running, &self.session)) {
            self.learning.watching.store(None);
        }
    }
}

#[cfg(test)]
mod tests;
