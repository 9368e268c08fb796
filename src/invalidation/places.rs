//! Places in the log that clients keep: one behind what was just written, and whether this instance has come to one.

use super::fleet_log::Appended;
use super::record::LogRecord;
use super::{Invalidation, Ledger};
use crate::invalidation::Currency;
use crate::scope::{Depth, Scope};
use crate::stamp::Stamp;
use crate::stamps::place::{LogId, NotBefore, Place};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The shortest time between two marks of one instance: each is an entry that the log keeps for as long as purges.
const BETWEEN_MARKS: Duration = Duration::from_millis(20);

/// The last mark that was appended to the fleet's log.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastMark {
    /// When that began: it comes after all that was done before, by the monotonic clock.
    begun_at: Duration,
    /// Where it stands, if the log took it.
    place: Option<Place>,
}

/// How a place was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It had been before.
    AtOnce,
    /// After a wait.
    Later,
    /// It was not.
    Not,
}

impl Ledger {
    fn has_reached(&self, place: Place) -> bool {
        self.log == Some(place.log) && place.stamp <= self.applied
    }
}

impl Invalidation {
    /// Which log this instance has read, as far as it is known.
    pub(crate) fn log_id(&self) -> Option<LogId> {
        self.read_ledger().log
    }

    /// The place of a stamp that this instance was given for what it appended while it read this log. `None` if others can't
    /// go by it: the log has not taken it, another may have, or it is not applied here.
    pub(crate) fn placed(&self, log: Option<LogId>, stamp: Stamp) -> Option<Place> {
        let ledger = self.read_ledger();
        let is_placed = ledger.log == log && stamp <= ledger.applied && stamp == Stamp::new(stamp.log(), 0);
        log.filter(|_| is_placed).map(|log| Place { log, stamp })
    }

    /// Makes a place behind all that was done before the call. `None` if the log can't take it. Those who ask at about the
    /// same time share one.
    pub(crate) async fn mark(&self) -> Option<Place> {
        let Some(fleet) = &self.fleet else {
            let (log, _order) = (self.log_id(), self.order.lock().await);
            let (_, count) = self.applied().log();
            let stamp = Stamp::local(count.saturating_add(1));
            self.advance(stamp);
            return self.placed(log, stamp);
        };
        let asked_at = self.clock.monotonic();
        let mut last = self.marking.lock().await;
        if let Some(LastMark { begun_at, place }) = *last {
            if begun_at > asked_at {
                return place;
            }
            sleep((begun_at + BETWEEN_MARKS).saturating_sub(self.clock.monotonic()).min(BETWEEN_MARKS)).await;
        }
        let (log, begun_at) = (self.log_id(), self.clock.monotonic());
        let place = match fleet.append_record(|token| LogRecord::Mark { token }).await {
            Ok(Appended::Applied(reached)) => self.placed(log, reached.stamp),
            Ok(Appended::Ahead(_)) => None,
            Err(error) => {
                tracing::debug!(%error, "the log could not take the place of a write");
                None
            }
        };
        *last = Some(LastMark { begun_at, place });
        place
    }

    /// Waits until this instance has applied what stands before a place, where that may be soon.
    pub(crate) async fn reach(&self, place: Place, wait: Duration) -> Arrival {
        if self.has_reached(place) {
            return Arrival::AtOnce;
        }
        let reached = async {
            loop {
                let mut advanced = pin!(self.advanced.notified());
                // Before the look: what comes in between is not missed.
                advanced.as_mut().enable();
                if self.has_reached(place) {
                    return Arrival::Later;
                }
                if !self.may_reach(place) {
                    return Arrival::Not;
                }
                advanced.await;
            }
        };
        timeout(wait, reached).await.unwrap_or(Arrival::Not)
    }

    /// What an answer must not be older than for a request that comes after this place: nor than the floor, below which
    /// stamps may be those of a log that was lost.
    pub(crate) fn not_before(&self, place: Place) -> NotBefore {
        let ledger = self.read_ledger();
        if ledger.has_reached(place) {
            return NotBefore::Since(place.stamp.max(ledger.barriers.floor()));
        }
        NotBefore::Unreached
    }

    fn has_reached(&self, place: Place) -> bool {
        self.read_ledger().has_reached(place)
    }

    /// Only news of the fleet's log leads there, and only while they come.
    fn may_reach(&self, place: Place) -> bool {
        self.fleet.is_some() && self.log_id() == Some(place.log) && self.currency() == Currency::Proven
    }

    /// Moves on in the log past an entry that purges nothing: what was found clear stays so.
    pub(super) fn advance(&self, stamp: Stamp) {
        let mut ledger = self.write_ledger();
        ledger.applied = stamp.max(ledger.applied);
        drop(ledger);
        self.advanced.notify_waiters();
    }

    /// Below `floor`, purges may have been missed: whatever is stamped so must be validated.
    pub(super) fn raise_floor(&self, floor: Stamp) {
        let now = self.clock.now();
        self.change(|ledger| {
            ledger.recent.hear(&Scope::All, Depth::Soft, now);
            ledger.barriers.raise_floor(floor);
            ledger.applied = floor.max(ledger.applied);
        });
    }

    /// Below `floor`, hard purges were forgotten, here or elsewhere: whatever is stamped so is purged.
    pub(super) fn raise_hard_floor(&self, floor: Stamp) {
        let now = self.clock.now();
        self.change(|ledger| {
            // What was applied before it was forgotten was heard of then.
            if floor > ledger.applied {
                ledger.recent.hear(&Scope::All, Depth::Hard, now);
            }
            ledger.barriers.raise_hard_floor(floor);
            ledger.applied = floor.max(ledger.applied);
        });
    }

    /// From `stamp` on another run of Redis keeps the log: below, purges may have been missed.
    pub(super) fn begin_epoch(&self, run: &str, stamp: Stamp) {
        let now = self.clock.now();
        self.change(|ledger| {
            ledger.recent.hear(&Scope::All, Depth::Soft, now);
            ledger.barriers.raise_floor(stamp);
            ledger.applied = stamp.max(ledger.applied);
            ledger.log = self.fleet_log_id(run);
        });
    }

    /// It has come to the log of this run of Redis in an earlier process.
    pub(super) fn go_on_in_epoch(&self, run: &str) {
        self.change(|ledger| ledger.log = self.fleet_log_id(run));
    }

    fn fleet_log_id(&self, run: &str) -> Option<LogId> {
        self.fleet.as_ref().map(|fleet| LogId::of_fleet(&fleet.options.names.to_string(), run))
    }
}
