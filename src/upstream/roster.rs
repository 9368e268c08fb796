//! Which of a pool's endpoints are asked: who is taken out and comes back, never the last one.

use super::health::{Health, Reach, Recovery, ServerState, Verdict};
use super::options::EjectOptions;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// All endpoints of a pool.
#[derive(Debug)]
pub(super) struct Roster {
    began: Instant,
    options: EjectOptions,
    /// Locked while one is taken out, so that no two take each other for the one that stays.
    members: Mutex<Vec<Weak<Member>>>,
}

/// One of them. Once it is dropped, it is none.
#[derive(Debug)]
pub(super) struct Member {
    roster: Arc<Roster>,
    /// The server as it is configured, for the log.
    pub(super) server: Arc<str>,
    address: SocketAddr,
    weight: u16,
    health: Health,
    /// Requests whose answers have not ended.
    under_way: AtomicU32,
    /// What it has to its credit of turns, as the bits of a number.
    credit: AtomicU64,
}

impl Roster {
    pub(super) fn new(options: EjectOptions) -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), options, members: Mutex::default() })
    }

    /// The time since the pool began.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A member that is in.
    pub(super) fn join(self: &Arc<Self>, server: &Arc<str>, address: SocketAddr, weight: u16) -> Arc<Member> {
        let (roster, server, health) = (Arc::clone(self), Arc::clone(server), Health::new(self.options));
        let (under_way, credit) = (AtomicU32::new(0), AtomicU64::new(0.0_f64.to_bits()));
        let member = Arc::new(Member { roster, server, address, weight, health, under_way, credit });
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| member.strong_count() > 0);
        members.push(Arc::downgrade(&member));
        member
    }
}

impl Member {
    pub(super) fn state(&self) -> ServerState {
        self.health.state()
    }

    pub(super) const fn weight(&self) -> u16 {
        self.weight
    }

    /// Whether a request may be sent there now, see [`Health::admits`].
    pub(super) fn admits(&self) -> bool {
        self.health.admits(self.roster.now())
    }

    /// A request is about to be sent there.
    pub(super) fn begin(&self) {
        self.health.begin(self.roster.now());
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    /// Its answer has ended, or was given up.
    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Adds to its credit of turns, which the caller alone touches at the time; what it comes to.
    pub(super) fn credit(&self, more: f64) -> f64 {
        let credit = f64::from_bits(self.credit.load(Ordering::Relaxed)) + more;
        self.credit.store(credit.to_bits(), Ordering::Relaxed);
        credit
    }

    /// See [`Health::wants_probe`].
    pub(super) fn wants_probe(&self) -> bool {
        self.health.wants_probe(self.roster.now())
    }

    /// See [`Health::probed`].
    pub(super) fn probed(&self, reach: Reach) {
        self.health.probed(self.roster.now(), reach);
    }

    /// It answered what was asked at `asked`.
    pub(super) fn answered(&self, asked: Duration) {
        if self.health.answered(self.roster.now(), asked) == Recovery::Back {
            tracing::info!(server = %self.server, address = %self.address, "an upstream server answers again and is back");
        }
    }

    /// It failed a request, in a way that is its own.
    pub(super) fn failed(&self, why: &'static str) {
        let now = self.roster.now();
        if self.health.failed(now) == Verdict::Kept {
            return;
        }
        let members = self.roster.members.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others =
            members.iter().filter_map(Weak::upgrade).filter(|other| !std::ptr::eq(Arc::as_ptr(other), self));
        if others.any(|other| !other.health.is_out()) && !self.health.is_out() {
            self.health.take_out(now);
            let (server, address, pause) = (&self.server, self.address, self.roster.options.pause);
            tracing::warn!(%server, %address, why, ?pause, "an upstream server keeps failing and is taken out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_server_stays_in_whatever_it_does() {
        let options = EjectOptions { failures: 2, within: Duration::from_mins(1), pause: Duration::from_mins(1) };
        let roster = Roster::new(options);
        let join = |name: &str| roster.join(&name.into(), "127.0.0.1:80".parse().unwrap(), 1);
        let (a, b, gone) = (join("a"), join("b"), join("gone"));
        drop(gone);
        for _ in 0..5 {
            a.failed("status");
            b.failed("status");
        }
        assert_eq!((a.admits(), b.admits()), (false, true));
        assert_eq!((a.state(), b.state()), (ServerState::Down, ServerState::Down));
        b.answered(roster.now());
        assert_eq!(b.state(), ServerState::Up);
    }
}
