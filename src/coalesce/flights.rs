//! The table of flights, leaders and followers.
//!
//! A flight is in the table from its beginning until its leader ends it (by announcing `Alone`, by [`Leader::close`] or
//! by being dropped) or until a newer flight takes its place. Leader and followers hold the flight itself, so a flight
//! that was replaced goes on for those who joined it; removing a flight from the table compares identities.

use crate::key::PrimaryKey;
use crate::semantics::trace_context::TraceContext;
use crate::stamp::Stamp;
use ahash::RandomState;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// Joining holds a shard's mutex while it judges barriers; shards keep unrelated keys from waiting for that.
const SHARDS: usize = 16;

type Shard<H> = HashMap<PrimaryKey, Arc<Flight<H>>, RandomState>;

/// Flights under way. `H` is what a leader announces to followers: head and body reader source, cheap to clone.
pub(crate) struct Flights<H> {
    // Two random seeds, this one and each map's own: clients choose keys, and must not be able to crowd a shard.
    shard_seed: RandomState,
    shards: [Mutex<Shard<H>>; SHARDS],
}

struct Flight<H> {
    key: PrimaryKey,
    stamp: Stamp,
    begun: AtomicBool,
    announced: Arc<Announced<H>>,
}

/// What the leader has announced. Held by the flight and by each follower, who are woken in the order in which they came.
struct Announced<H> {
    // A follower who joins later finds it, too.
    by_leader: OnceLock<Announcement<H>>,
    /// The leader's exchange with the origin, where that is traced.
    traced: OnceLock<TraceContext>,
    notify: Notify,
}

impl<H> Announced<H> {
    fn new() -> Self {
        Self { by_leader: OnceLock::new(), traced: OnceLock::new(), notify: Notify::new() }
    }
}

/// A flight under way, as who might join it sees it.
#[derive(Debug)]
pub(crate) struct FlightView<'a, H> {
    /// The log position when it was called for.
    pub(crate) stamp: Stamp,
    /// How far it is.
    pub(crate) stage: FlightStage,
    /// What its leader has announced, if it has.
    pub(crate) announced: Option<&'a H>,
}

/// How far a flight is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlightStage {
    /// Its leader has not asked the origin yet: the answer will be newer than the requests that join now.
    Gathering,
    /// Its leader may have asked already.
    Begun,
}

/// The part a request plays.
pub(crate) enum Role<H> {
    /// It fetches, for all.
    Leader(Leader<H>),
    /// It waits for another's fetch.
    Follower(Follower<H>),
}

/// What a leader sends its followers.
#[derive(Clone)]
pub(crate) enum Announcement<H> {
    /// The answer may be shared: here it is.
    Shared(H),
    /// The answer may not be shared: ask on your own.
    Alone,
    /// The leader is gone, and there is no answer.
    Gone,
}

/// The right and duty to fetch for a key. Dropping it ends the flight: no one can join it any more, and followers
/// that have no announcement yet get `Gone`.
pub(crate) struct Leader<H> {
    flights: Arc<Flights<H>>,
    flight: Arc<Flight<H>>,
    predecessor: Option<Follower<H>>,
}

/// One that waits. Dropping it is all there is to giving up.
pub(crate) struct Follower<H> {
    stamp: Stamp,
    announced: Arc<Announced<H>>,
}

impl<H: Clone + Send + Sync + 'static> Flights<H> {
    /// No flights.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { shard_seed: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) })
    }

    /// Joins the flight for `key`, or begins one. `may_join` judges a flight under way, its stamp against the
    /// barriers as they stand now, and what it has announced; where it says no, the caller leads a new flight that takes the old one's place
    /// (the old one goes on for those who joined it). `stamp` is read only for a new flight.
    ///
    /// Both are called with a lock of this table held: they must be short and must not come back to it.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &PrimaryKey,
        may_join: impl FnOnce(FlightView<'_, H>) -> bool,
        stamp: impl FnOnce() -> Stamp,
    ) -> Role<H> {
        let mut shard = self.shard(key);
        if let Some(flight) = shard.get(key)
            && may_join(flight.view())
        {
            return Role::Follower(flight.follower());
        }
        let (begun, announced) = (AtomicBool::new(false), Arc::new(Announced::new()));
        let flight = Arc::new(Flight { key: key.clone(), stamp: stamp(), begun, announced });
        let replaced = shard.insert(key.clone(), Arc::clone(&flight));
        drop(shard);
        let predecessor = replaced.as_deref().map(Flight::follower);
        // What the old flight holds may be large; it is let go of outside the lock.
        drop(replaced);
        Role::Leader(Leader { flights: Arc::clone(self), flight, predecessor })
    }
}

impl<H> Flights<H> {
    /// How many flights can be joined now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| locked(shard).len()).sum()
    }

    fn shard(&self, key: &PrimaryKey) -> MutexGuard<'_, Shard<H>> {
        let hash = self.shard_seed.hash_one(key);
        // The remainder of a division by SHARDS is in range and fits any usize.
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        locked(&self.shards[index])
    }

    /// Takes `flight` out of the table, unless another has taken its place.
    fn remove(&self, flight: &Arc<Flight<H>>) {
        let mut shard = self.shard(&flight.key);
        let removed = match shard.get(&flight.key) {
            Some(present) if Arc::ptr_eq(present, flight) => shard.remove(&flight.key),
            _ => None,
        };
        drop(shard);
        drop(removed);
    }
}

/// A panic elsewhere while the lock was held leaves a map that is whole all the same: each change is one call.
fn locked<H>(shard: &Mutex<Shard<H>>) -> MutexGuard<'_, Shard<H>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<H> Flight<H> {
    fn view(&self) -> FlightView<'_, H> {
        let begun = self.begun.load(Ordering::Acquire);
        let stage = if begun { FlightStage::Begun } else { FlightStage::Gathering };
        let announced = match self.announced.by_leader.get() {
            Some(Announcement::Shared(outcome)) => Some(outcome),
            Some(Announcement::Alone | Announcement::Gone) | None => None,
        };
        FlightView { stamp: self.stamp, stage, announced }
    }

    fn follower(&self) -> Follower<H> {
        Follower { stamp: self.stamp, announced: Arc::clone(&self.announced) }
    }

    /// Keeps and spreads the first announcement; later ones are dropped.
    fn announce(&self, announcement: Announcement<H>) {
        if self.announced.by_leader.set(announcement).is_ok() {
            self.announced.notify.notify_waiters();
        }
    }
}

impl<H> Leader<H> {
    /// The flight that this one has taken the place of, once, if it was still under way: for a leader that gives others
    /// time to join while that one is answered.
    pub(crate) fn take_predecessor(&mut self) -> Option<Follower<H>> {
        self.predecessor.take()
    }

    /// Notes that the origin is asked from now on. To be called before it is.
    pub(crate) fn begin(&self) {
        self.flight.begun.store(true, Ordering::Release);
    }

    /// Names the exchange with the origin, for those who wait for it. Of several the first stands.
    pub(crate) fn trace(&self, exchange: TraceContext) {
        let _ = self.flight.announced.traced.set(exchange);
    }

    /// The key that is fetched.
    pub(crate) fn key(&self) -> &PrimaryKey {
        &self.flight.key
    }

    /// The log position when this flight began.
    pub(crate) fn stamp(&self) -> Stamp {
        self.flight.stamp
    }

    /// Tells the followers, once. After `Shared` later joiners get the same; after `Alone` the flight has ended.
    /// Of several announcements the first stands.
    pub(crate) fn announce(&self, announcement: Announcement<H>) {
        if let Announcement::Alone = announcement {
            // First out of the table, then the announcement: a follower that then joins again must not find this flight.
            self.close();
        }
        self.flight.announce(announcement);
    }

    /// Lets no one join any more, while those who did are still notified: for a shared body that has grown past what is
    /// retained and can't be read from its beginning any more.
    pub(crate) fn close(&self) {
        self.flights.remove(&self.flight);
    }
}

impl<H> Drop for Leader<H> {
    fn drop(&mut self) {
        self.close();
        self.flight.announce(Announcement::Gone);
    }
}

impl<H: Clone> Follower<H> {
    /// The log position when the flight began.
    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The leader's exchange with the origin, where it is traced and has begun.
    pub(crate) fn traced(&self) -> Option<TraceContext> {
        self.announced.traced.get().copied()
    }

    /// Waits for the leader's announcement. May be cancelled and called again; answers the same each time.
    pub(crate) async fn announcement(&mut self) -> Announcement<H> {
        loop {
            let mut notified = pin!(self.announced.notify.notified());
            // Listening before looking: nothing is missed between the two. A leader always announces something before it goes.
            notified.as_mut().enable();
            if let Some(announcement) = self.announced.by_leader.get() {
                return announcement.clone();
            }
            notified.await;
        }
    }
}

#[cfg(test)]
#[path = "flights_tests.rs"]
mod tests;
