//! All endpoints of a pool: when one may be taken out, never the last one.

use super::checks::{Others, Thresholds};
use super::member::{Arrival, Member, Shared};
use super::options::{EjectOptions, UpstreamOptions};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// All endpoints of a pool.
#[derive(Debug)]
pub(super) struct Roster {
    began: Instant,
    pub(super) options: RosterOptions,
    /// Locked while one is taken out, so that no two take each other for the one that stays.
    members: Mutex<Vec<Weak<Member>>>,
}

/// By what its members are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct RosterOptions {
    pub(super) eject: EjectOptions,
    pub(super) thresholds: Thresholds,
    pub(super) slow_start: Duration,
}

impl Roster {
    pub(super) fn new(options: &UpstreamOptions) -> Arc<Self> {
        let (rise, fall) = options.health.as_ref().map_or((2, 3), |health| (health.rise, health.fall));
        let thresholds = Thresholds { rise, fall };
        let options = RosterOptions { eject: options.eject, thresholds, slow_start: options.slow_start };
        Arc::new(Self { began: Instant::now(), options, members: Mutex::default() })
    }

    /// The time since the pool began.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A member that is in.
    pub(super) fn join(self: &Arc<Self>, shared: &Arc<Shared>, address: SocketAddr, arrival: Arrival) -> Arc<Member> {
        let member = Arc::new(Member::new(self, shared, address, arrival));
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| member.strong_count() > 0);
        members.push(Arc::downgrade(&member));
        member
    }

    /// All of them, those that are no longer found but have something under way included.
    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether another could be asked.
    pub(super) fn others_of(&self, member: &Member) -> Others {
        let is_other_in = |other: &Arc<Member>| !std::ptr::eq(Arc::as_ptr(other), member) && other.is_in();
        if self.members().iter().any(is_other_in) { Others::In } else { Others::Out }
    }

    /// Takes a member out, unless it is out already or no other could be asked.
    pub(super) fn unless_last(&self, member: &Member, take_out: impl FnOnce()) -> Option<()> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others =
            members.iter().filter_map(Weak::upgrade).filter(|other| !std::ptr::eq(Arc::as_ptr(other), member));
        (others.any(|other| other.is_in()) && member.is_in()).then(take_out)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A member of a server of its own.
    pub(in crate::upstream) fn join(roster: &Arc<Roster>, name: &str, weight: u16) -> Arc<Member> {
        let address = "127.0.0.1:80".parse().unwrap();
        roster.join(&Shared::new(&name.into(), weight), address, Arrival::AtFirst)
    }
}
