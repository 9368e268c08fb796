//! What stands in the log after a place: for who acts on purges elsewhere once every instance has applied them.
//!
//! In a fleet a follower reads the log in Redis, so that it goes on where it was, in whichever instance. A lone instance's log
//! is read by nobody twice; what is purged there is kept until its follower takes it. What a follower may have missed is a purge
//! of everything.

use super::fleet_log::{FleetLog, stamp_of};
use super::purge::{Depth, Purge};
use super::record::LogRecord;
use super::{Invalidation, Progress};
use crate::clock::Timestamp;
use crate::fleet::link::{LinkError, LinkFailure};
use crate::fleet::streams::{self, EntryId, Extent};
use crate::scope::Scope;
use crate::stamp::Stamp;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Entries of the log read at once.
const PAGE: usize = 100;

/// How many scopes, and how much of their text in bytes, are listed; more is everything.
const SCOPES_MAX: usize = 20_000;
const TEXT_BYTES_MAX: usize = 8 << 20;

/// How long a command to Redis may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// How long it waits for news before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long one look at who has applied something may last.
const APPLIED_WAIT: Duration = Duration::from_secs(10);

/// A place in the log up to which a follower has acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogPlace {
    /// The last entry.
    pub(crate) stamp: Stamp,
    /// How many entries the log in Redis had ever been given by then: tells whether later ones were trimmed unread.
    pub(crate) entries: u64,
}

/// What a part of the log purges: each scope once, with the greatest depth asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Purged {
    scopes: HashMap<Scope, Depth>,
    text_bytes: usize,
    everything: Option<Depth>,
}

impl Purged {
    /// Everything, unusable from now on.
    pub(crate) fn everything_hard() -> Self {
        Self { everything: Some(Depth::Hard), ..Self::default() }
    }

    /// The depth, where everything is purged.
    pub(crate) const fn everything(&self) -> Option<Depth> {
        self.everything
    }

    /// Nothing is purged.
    pub(crate) fn is_empty(&self) -> bool {
        self.everything.is_none() && self.scopes.is_empty()
    }

    /// What is purged where it is not everything.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = (&Scope, Depth)> {
        self.scopes.iter().map(|(scope, depth)| (scope, *depth))
    }

    /// And what a purge covers.
    pub(crate) fn add(&mut self, purge: &Purge) {
        purge.scopes.iter().for_each(|scope| self.add_scope(scope.clone(), purge.depth));
        self.settle();
    }

    /// And what another part of the log purges.
    fn join(&mut self, other: Self) {
        self.everything = self.everything.max(other.everything);
        other.scopes.into_iter().for_each(|(scope, depth)| self.add_scope(scope, depth));
        self.settle();
    }

    fn add_scope(&mut self, scope: Scope, depth: Depth) {
        if scope == Scope::All {
            self.everything = self.everything.max(Some(depth));
        } else if let Some(known) = self.scopes.get_mut(&scope) {
            *known = depth.max(*known);
        } else {
            self.text_bytes += scope.text_bytes();
            self.scopes.insert(scope, depth);
        }
    }

    fn settle(&mut self) {
        if self.scopes.len() > SCOPES_MAX || self.text_bytes > TEXT_BYTES_MAX {
            self.everything = Some(Depth::Hard);
        }
        // Hard purges of some remain beside a soft one of all, and are nothing beside a hard one.
        if self.everything == Some(Depth::Hard) {
            *self = Self::everything_hard();
        }
    }
}

/// A part of the log.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    /// Where it ends.
    pub(crate) end: LogPlace,
    /// What it purges.
    pub(crate) purged: Purged,
    /// When the first of it was asked for, as far as is known.
    pub(crate) since: Timestamp,
    /// Whether it begins where the one before ended.
    pub(crate) continuity: Continuity,
}

/// Whether a passage begins where the one before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// It does.
    Kept,
    /// Where the one before ended is not known, or what came after it is lost: everything is purged.
    Lost,
}

impl Passage {
    /// This one and the next.
    pub(crate) fn join(&mut self, next: Self) {
        self.end = next.end;
        self.purged.join(next.purged);
        if next.continuity == Continuity::Lost {
            self.continuity = Continuity::Lost;
        }
    }

    /// All up to `end`, of which nothing is known.
    fn unknown(end: LogPlace, now: Timestamp) -> Self {
        Self { end, purged: Purged::everything_hard(), since: now, continuity: Continuity::Lost }
    }
}

/// Those who follow a log.
#[derive(Debug, Default)]
pub(super) struct Followers {
    moved: Notify,
    tails: Mutex<Vec<Arc<Tail>>>,
}

impl Followers {
    /// Something was applied.
    pub(super) fn wake(&self) {
        self.moved.notify_waiters();
    }

    /// Tells the followers of a lone instance's log what was purged, in its order.
    pub(super) fn tell(&self, purge: &Purge, stamp: Stamp) {
        for tail in lock(&self.tails).iter() {
            let mut held = lock(&tail.0);
            held.get_or_insert_with(|| (Purged::default(), stamp)).0.add(purge);
            if let Some((_, end)) = held.as_mut() {
                *end = stamp;
            }
        }
        self.wake();
    }
}

/// What was purged by a lone instance since its follower last took it, and where that ends.
#[derive(Debug, Default)]
struct Tail(Mutex<Option<(Purged, Stamp)>>);

/// One that follows the log.
pub(crate) struct Follower {
    invalidation: Arc<Invalidation>,
    /// Where the instance stands alone.
    tail: Option<Arc<Tail>>,
}

impl Invalidation {
    /// Follows the log, from now on where this instance stands alone.
    pub(crate) fn follow(self: &Arc<Self>) -> Follower {
        let tail = self.fleet.is_none().then(|| {
            let tail = Arc::<Tail>::default();
            lock(&self.followers.tails).push(Arc::clone(&tail));
            tail
        });
        Follower { invalidation: Arc::clone(self), tail }
    }
}

impl Follower {
    /// Waits for what stands in the log after a place. Who knows no place gets everything.
    ///
    /// # Errors
    /// Where the log can't be read.
    pub(crate) async fn next(&self, after: Option<LogPlace>) -> Result<Passage, LinkError> {
        loop {
            let mut moved = pin!(self.invalidation.followers.moved.notified());
            // Before the look: what is applied in between is not missed.
            moved.as_mut().enable();
            if let Some(passage) = self.passage(after).await? {
                return Ok(passage);
            }
            // In vain or not, it looks again.
            drop(timeout(LOOK_AGAIN, moved).await);
        }
    }

    /// Waits until every live instance has applied what stands at a place, however long that takes.
    pub(crate) async fn applied_everywhere(&self, stamp: Stamp) {
        loop {
            let Progress { pending, .. } = self.invalidation.reached(stamp, APPLIED_WAIT).await;
            if pending.is_empty() {
                return;
            }
            tracing::warn!(?pending, "these instances have not applied a purge yet; the CDNs are purged after them");
        }
    }

    async fn passage(&self, after: Option<LogPlace>) -> Result<Option<Passage>, LinkError> {
        match (&self.invalidation.fleet, &self.tail) {
            (Some(fleet), _) => self.passage_of_fleet(fleet, after).await,
            (None, tail) => Ok(self.passage_alone(tail.as_ref(), after)),
        }
    }

    fn passage_alone(&self, tail: Option<&Arc<Tail>>, after: Option<LogPlace>) -> Option<Passage> {
        let taken = tail.and_then(|tail| lock(&tail.0).take());
        // After the taking: what is purged in between comes again.
        let now = self.invalidation.clock.now();
        let place = |stamp| LogPlace { stamp, entries: 0 };
        if after.is_none() {
            return Some(Passage::unknown(place(self.invalidation.applied()), now));
        }
        let (purged, end) = taken?;
        Some(Passage { end: place(end), purged, since: now, continuity: Continuity::Kept })
    }

    async fn passage_of_fleet(&self, fleet: &FleetLog, after: Option<LogPlace>) -> Result<Option<Passage>, LinkError> {
        let now = self.invalidation.clock.now();
        let applied = self.invalidation.applied();
        let Some(place) = after else {
            let Extent { last, added, .. } = extent(fleet).await?;
            let passage = Passage::unknown(LogPlace { stamp: stamp_of(last), entries: added }, now);
            // The first instance writes the first entry.
            return Ok(Some(passage).filter(|_| last > EntryId::ZERO));
        };
        if applied.log() <= place.stamp.log() {
            return Ok(None);
        }
        let (millis, sequence) = place.stamp.log();
        let stream = fleet.options.names.purges();
        let first = EntryId(millis, sequence.saturating_add(1));
        let read = fleet.links.requests.call(&streams::range_from(&stream, first, PAGE), DEADLINE).await?;
        let entries = streams::ranged(read)?;
        // After the entries were read: whatever was trimmed by then shows.
        let Extent { last, length, added } = extent(fleet).await?;
        let is_whole =
            stamp_of(last) >= place.stamp && added.checked_sub(place.entries).is_some_and(|unread| unread <= length);
        if !is_whole {
            let passage = Passage::unknown(LogPlace { stamp: stamp_of(last), entries: added }, now);
            return Ok(Some(passage).filter(|_| last > EntryId::ZERO));
        }
        let Some(oldest) = entries.first().map(|entry| entry.id) else { return Ok(None) };
        let (mut purged, mut end) = (Purged::default(), place);
        for entry in entries {
            end = LogPlace { stamp: stamp_of(entry.id), entries: end.entries + 1 };
            match LogRecord::read(&entry.fields.into_iter().collect()) {
                LogRecord::Purge(record) => purged.add(&record.purge),
                LogRecord::Switch(_) | LogRecord::Mark { .. } => {}
                // Some purges may be lost, or there is one that is not understood.
                LogRecord::Epoch { .. } | LogRecord::Unreadable => purged = Purged::everything_hard(),
            }
        }
        let since = Timestamp::from_millis(oldest.0);
        Ok(Some(Passage { end, purged, since, continuity: Continuity::Kept }))
    }
}

async fn extent(fleet: &FleetLog) -> Result<Extent, LinkError> {
    let stream = fleet.options.names.purges();
    match fleet.links.requests.call(&streams::info(&stream), DEADLINE).await {
        Ok(info) => streams::extent(info),
        // There is no log yet, or none any more.
        Err(error) if error.failure == LinkFailure::Refused => Ok(Extent { last: EntryId::ZERO, length: 0, added: 0 }),
        Err(error) => Err(error),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
