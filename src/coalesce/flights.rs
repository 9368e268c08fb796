//! The table of flights, leaders and followers.

use crate::key::PrimaryKey;
use crate::stamp::Stamp;
use std::marker::PhantomData;
use std::sync::Arc;

/// Flights under way. `H` is what a leader announces to followers: head and body reader source, cheap to clone.
#[derive(Debug)]
pub struct Flights<H> {
    head: PhantomData<H>,
}

/// The part a request plays.
#[derive(Debug)]
pub enum Role<H> {
    /// It fetches, for all.
    Leader(Leader<H>),
    /// It waits for another's fetch.
    Follower(Follower<H>),
}

/// What a leader tells its followers.
#[derive(Debug, Clone)]
pub enum Announcement<H> {
    /// The answer may be shared: here it is.
    Shared(H),
    /// The answer may not be shared, or there is none: ask on your own.
    Alone(crate::semantics::reason::Reason),
}

/// The right and duty to fetch for a key. Dropping it ends the flight: no one can join it any more, and followers
/// that have no announcement yet get `Alone(LeaderGone)`.
#[derive(Debug)]
pub struct Leader<H> {
    head: PhantomData<H>,
}

/// One that waits.
#[derive(Debug)]
pub struct Follower<H> {
    head: PhantomData<H>,
}

impl<H: Clone + Send + Sync + 'static> Flights<H> {
    /// No flights.
    #[must_use]
    pub fn new() -> Arc<Self> {
        todo!()
    }

    /// Joins the flight for `key`, or begins one. `may_join` judges the stamp of a flight under way against the
    /// barriers as they stand now; where it says no, the caller leads a new flight that takes the old one's place
    /// (the old one goes on for those who joined it). `stamp` is read only for a new flight.
    pub fn join(
        self: &Arc<Self>,
        key: &PrimaryKey,
        may_join: impl FnOnce(Stamp) -> bool,
        stamp: impl FnOnce() -> Stamp,
    ) -> Role<H> {
        let _ = (key, may_join(stamp()));
        todo!()
    }
}

impl<H: Clone + Send + Sync + 'static> Leader<H> {
    /// The log position when this flight began.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        todo!()
    }

    /// Tells the followers, once. After `Shared` later joiners get the same; after `Alone` the flight has ended.
    pub fn announce(&self, announcement: Announcement<H>) {
        let _ = announcement;
        todo!()
    }
}

impl<H: Clone + Send + Sync + 'static> Follower<H> {
    /// The log position when the flight began.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        todo!()
    }

    /// Waits for the leader's word.
    pub async fn announcement(&mut self) -> Announcement<H> {
        todo!()
    }
}
