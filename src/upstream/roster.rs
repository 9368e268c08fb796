//! Which of the servers are asked: who is taken out and comes back, never the last one.

use super::health::{Health, Reach, Recovery, ServerState, Verdict};
use super::options::EjectOptions;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The health of all servers of a pool.
#[derive(Debug)]
pub(super) struct Roster {
    began: Instant,
    members: Vec<(Arc<str>, Health)>,
    pause: Duration,
    /// Held while a server is taken out, so that no two take each other for the one that stays.
    taking_out: Mutex<()>,
}

impl Roster {
    /// All of these are in.
    pub(super) fn new(names: impl Iterator<Item = Arc<str>>, options: EjectOptions) -> Self {
        let members = names.map(|name| (name, Health::new(options))).collect();
        Self { began: Instant::now(), members, pause: options.pause, taking_out: Mutex::new(()) }
    }

    /// The time since the pool began.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn state(&self, index: usize) -> ServerState {
        self.members[index].1.state()
    }

    /// Whether a request may be sent there now, see [`Health::admits`].
    pub(super) fn admits(&self, index: usize) -> bool {
        self.members[index].1.admits(self.now())
    }

    /// See [`Health::wants_probe`].
    pub(super) fn wants_probe(&self, index: usize) -> bool {
        self.members[index].1.wants_probe(self.now())
    }

    /// See [`Health::probed`].
    pub(super) fn probed(&self, index: usize, reach: Reach) {
        self.members[index].1.probed(self.now(), reach);
    }

    /// A server answered what was asked at `asked`.
    pub(super) fn answered(&self, index: usize, asked: Duration) {
        let (server, health) = &self.members[index];
        if health.answered(self.now(), asked) == Recovery::Back {
            tracing::info!(%server, "an upstream server answers again and is back");
        }
    }

    /// A server failed a request, in a way that is its own.
    pub(super) fn failed(&self, index: usize, why: &'static str) {
        let (server, health) = &self.members[index];
        if health.failed(self.now()) == Verdict::Kept {
            return;
        }
        let _one_at_a_time = self.taking_out.lock().unwrap_or_else(PoisonError::into_inner);
        let has_other = self.members.iter().enumerate().any(|(other, (_, health))| other != index && !health.is_out());
        if has_other && !health.is_out() {
            health.take_out(self.now());
            tracing::warn!(%server, why, pause = ?self.pause, "an upstream server keeps failing and is taken out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_server_stays_in_whatever_it_does() {
        let options = EjectOptions { failures: 2, within: Duration::from_mins(1), pause: Duration::from_mins(1) };
        let roster = Roster::new(["a", "b"].into_iter().map(Arc::from), options);
        for _ in 0..5 {
            roster.failed(0, "status");
            roster.failed(1, "status");
        }
        assert_eq!((roster.admits(0), roster.admits(1)), (false, true));
        assert_eq!((roster.state(0), roster.state(1)), (ServerState::Down, ServerState::Down));
        roster.answered(1, roster.now());
        assert_eq!(roster.state(1), ServerState::Up);
    }
}
