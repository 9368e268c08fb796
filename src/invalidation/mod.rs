//! Purges as an ordered log, and what they make of stored responses.
//!
//! A purge is appended to one totally ordered log and gets a stamp. Applying it raises [`barriers`] for its
//! scopes. A stored response carries the stamp that was applied when its fetch began, and is usable only while no
//! barrier of its scopes is above that. No wall clock takes part.
//!
//! # Why no purge is lost
//!
//! *Applying* a purge means, in this order and under one write lock: its barriers rise, `applied` becomes its stamp,
//! `generation` grows. An async lock around appending and applying keeps the log's order, so that `applied` is never
//! ahead of a barrier. From this follows, for a purge of stamp `p`:
//!
//! - A fetch that reads [`Invalidation::applied`] before `p` is applied carries a stamp below `p`: covered, even where
//!   the purge was already asked for. That may cost a needless fetch, nothing else.
//! - A fetch that reads it afterwards carries `p` or more: not covered by this purge, and rightly, for it asks the
//!   origin after the purge was asked for, and who purges has changed the data before.
//! - A reader that sees the grown generation sees the barriers too, since [`Invalidation::standing`] waits for the
//!   same lock. A reader that still sees the old generation may find a response clear and note it so *for the old
//!   generation*; the note is void once it sees the new one. And when [`Invalidation::purge`] returns, every reader
//!   sees the new one.
//!
//! # In a fleet
//!
//! The log is a Redis stream ([`fleet_log`]), and one task alone applies what stands in it ([`reader`]): who appends waits
//! for that, so that `applied` is never ahead of a barrier here either. While the log is away, a purge is applied at once
//! between the last entry and the next. What was stamped below the barriers' floor is `Unproven`, and so is everything
//! while this instance cannot prove that it has read the log to its end lately ([`Invalidation::currency`]).
//!
//! # Locks
//!
//! `ledger` is a read-write lock and not a swapped snapshot: a snapshot would copy up to millions of barriers for each
//! purge. It is held for a few hash look-ups and never across an await; hits take it only when the generation has
//! moved since the entry was last found clear. A panic under it leaves barriers raised and `applied` behind, which is
//! the safe side, so a poisoned lock is used on. `order` is held while one purge is appended and applied.

// What is purged, and what is counted of it.
pub(crate) mod counts;
pub(crate) mod idempotency;
pub(crate) mod members;
pub(crate) mod metrics;
pub(crate) mod purge;
mod purge_lag;
pub(crate) mod receipts;
mod record;
mod switch_record;
mod unsent;

// What covers a response, and the log.
mod barrier_table;
pub(crate) mod barriers;
mod fleet_log;

// Moving through the log.
pub(crate) mod following;
pub(crate) mod places;
pub(crate) mod position;
mod purging;
mod reader;
mod recent;
pub(crate) mod succession;
pub(crate) mod switching;

use crate::clock::{Clock, SystemClock};
use crate::fleet::options::FleetOptions;
use crate::histogram::{DurationCounts, DurationHistogram};
use crate::rules::switch::SwitchBoard;
use crate::scope::{Membership, Scope};
use crate::stamp::Stamp;
use crate::stamps::place::LogId;
use arc_swap::ArcSwapOption;
use barriers::{Barriers, Covering};
use counts::{PurgeCount, PurgeCounts};
pub use fleet_log::FleetLinks;
use fleet_log::FleetLog;
pub(crate) use fleet_log::Progress;
use idempotency::Turns;
use places::LastMark;
use purge::{Depth, Purge, PurgeSource};
pub(crate) use purging::PurgeFailure;
pub use purging::PurgeOptions;
use reader::Reader;
use receipts::{Receipt, Receipts, SCOPES_SHOWN_MAX};
use recent::RecentPurges;
use record::{LogRecord, PurgePart};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use succession::Successor;
use tokio::sync::Notify;

/// Whether purges cover a response. The later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// None does.
    Clear,
    /// A soft purge does: it is stale.
    SoftPurged,
    /// A purge that is no longer remembered may: the origin must be asked, and only its failure lets it be served.
    Unproven,
    /// A hard purge does: it is unusable.
    Purged,
}

/// Whether this instance can prove that it knows of every purge that was acknowledged for the whole fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// It can: what is clear may be served.
    Proven,
    /// It has been cut off from the log for longer than `partition_grace`: even what is clear must be validated.
    Unproven,
}

/// What an [`Invalidation`] needs besides its log.
#[derive(Clone)]
pub struct InvalidationOptions {
    /// The name of this instance in receipts.
    pub instance: String,
    /// Tells when a purge was asked for; shown in receipts, never compared.
    pub clock: Arc<dyn Clock>,
    /// Sets this run's receipt ids apart from those of earlier runs.
    pub run: u32,
    /// How much memory the barriers may take, in bytes; see [`Barriers`].
    pub barriers_bytes_max: usize,
    /// How many receipts are remembered.
    pub receipts_max: usize,
}

impl Default for InvalidationOptions {
    fn default() -> Self {
        Self {
            instance: "local".to_owned(),
            clock: Arc::new(SystemClock::default()),
            run: rand::random(),
            barriers_bytes_max: 64 << 20,
            receipts_max: 1_000,
        }
    }
}

/// How much text remembered receipts may hold, in bytes.
const RECEIPTS_TEXT_BYTES_MAX: usize = 4 << 20;

/// The purges known to this instance: the one object that engine and admin ask.
pub struct Invalidation {
    /// The log, where this instance is one of a fleet. One that stands alone counts its purges: nobody else reads them.
    fleet: Option<Arc<FleetLog>>,
    successor: ArcSwapOption<Successor>,
    clock: Arc<dyn Clock>,
    instance: String,
    run: u32,
    order: tokio::sync::Mutex<()>,
    ledger: RwLock<Ledger>,
    generation: AtomicU64,
    changes: Notify,
    followers: following::Followers,
    /// Wakes who waits for a place in the log.
    advanced: Notify,
    marking: tokio::sync::Mutex<Option<LastMark>>,
    receipts: Mutex<Receipts>,
    turns: Turns,
    counts: PurgeCounts,
    lags: DurationHistogram,
    switches: Arc<SwitchBoard>,
}

/// A purge as its receipt shows it.
struct PurgeDescription {
    /// The first of its scopes, or all.
    scopes: Vec<Scope>,
    scopes_total: usize,
    depth: Depth,
    source: PurgeSource,
    idempotency: Option<idempotency::IdempotencyKey>,
}

#[derive(Debug)]
struct Ledger {
    barriers: Barriers,
    recent: RecentPurges,
    applied: Stamp,
    /// Which log that is a stamp of, as far as it is known.
    log: Option<LogId>,
}

impl Invalidation {
    /// An instance that stands alone. Its log dies with the process, and so does all that it could cover.
    #[must_use]
    pub fn alone(options: InvalidationOptions) -> Self {
        let InvalidationOptions { instance, clock, run, barriers_bytes_max, receipts_max } = options;
        Self {
            fleet: None,
            successor: ArcSwapOption::empty(),
            clock,
            instance,
            run,
            order: tokio::sync::Mutex::default(),
            ledger: RwLock::new(Ledger {
                barriers: Barriers::new(barriers_bytes_max),
                recent: RecentPurges::default(),
                applied: Stamp::ZERO,
                log: Some(LogId::of_process(run)),
            }),
            generation: AtomicU64::new(0),
            changes: Notify::new(),
            followers: following::Followers::default(),
            advanced: Notify::new(),
            marking: tokio::sync::Mutex::default(),
            receipts: Mutex::new(Receipts::new(receipts_max, RECEIPTS_TEXT_BYTES_MAX)),
            turns: Turns::default(),
            counts: PurgeCounts::default(),
            lags: DurationHistogram::default(),
            switches: Arc::default(),
        }
    }

    /// An instance of a fleet, and the reader of the fleet's log, which must run for as long as the instance does: until
    /// it has come to the log's end, nothing stored is served unasked.
    pub fn in_fleet(
        links: FleetLinks,
        fleet: FleetOptions,
        options: InvalidationOptions,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let options = InvalidationOptions { instance: fleet.instance.clone(), ..options };
        let log = Arc::new(FleetLog::new(links, fleet, Arc::clone(&options.clock), options.run));
        let mut invalidation = Self::alone(options);
        invalidation.fleet = Some(Arc::clone(&log));
        invalidation.change(|ledger| ledger.log = None);
        let invalidation = Arc::new(invalidation);
        let reader = Reader::new(Arc::clone(&invalidation), log);
        (invalidation, reader.run())
    }

    /// The stamp of the last purge applied here: what a fetch that begins now carries. Read it before anything of the
    /// fetch is sent.
    #[must_use]
    pub fn applied(&self) -> Stamp {
        self.read_ledger().applied
    }

    /// Grows with each purge applied. Read it *before* [`Self::standing`]: a response found clear stays clear while
    /// the generation is the same.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits until purges have been applied since the last call. For one that waits, not for several.
    pub async fn changed(&self) {
        self.changes.notified().await;
    }

    /// To be called with the ledger locked: who sees the new generation and asks for a standing waits until it is free.
    fn mark_changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
        self.changes.notify_one();
        self.followers.wake();
        self.advanced.notify_waiters();
    }

    /// What the purges applied so far make of a response whose fetch began at `stamp`.
    #[must_use]
    pub fn standing(&self, stamp: Stamp, membership: &Membership<'_>) -> Standing {
        self.read_ledger().barriers.standing(stamp, membership)
    }

    /// The purge that covers a response whose fetch began at `stamp`, if one does.
    #[must_use]
    pub fn covering(&self, stamp: Stamp, membership: &Membership<'_>) -> Option<Covering> {
        self.read_ledger().barriers.covering(stamp, membership)
    }

    /// Whether this instance may serve hits without asking the origin. Cheap: for every hit.
    #[must_use]
    pub fn currency(&self) -> Currency {
        match &self.fleet {
            Some(fleet) => fleet.currency(),
            // The log that counts is another process's.
            None if self.successor.load().is_some() => Currency::Unproven,
            None => Currency::Proven,
        }
    }

    /// Waits until this instance has proved that it knows of every purge; at once where it stands alone.
    pub async fn current(&self) {
        if let Some(fleet) = &self.fleet {
            fleet.current().await;
        }
    }

    /// Applies what the fleet's log holds at `stamp`. Returns what was applied just before.
    fn apply_record(&self, record: &LogRecord, stamp: Stamp) -> Stamp {
        let before = self.applied();
        match record {
            LogRecord::Purge(written) => {
                self.apply(&written.purge, stamp, |_| ());
                if written.by != self.instance {
                    self.counts.add(&written.purge.scopes, PurgeSource::Fleet);
                }
                if let PurgePart::Last { scopes_total } = written.part {
                    let Purge { scopes, depth, source } = written.purge.clone();
                    let asked = PurgeDescription {
                        scopes,
                        scopes_total,
                        depth,
                        source,
                        idempotency: written.idempotency.clone(),
                    };
                    self.write_receipt(asked, stamp, &written.by);
                }
            }
            LogRecord::Switch(record) => self.apply_switch(&record.placed_at(stamp), stamp),
            LogRecord::Epoch { run } => self.begin_epoch(run, stamp),
            LogRecord::Mark { .. } => self.advance(stamp),
            LogRecord::Unreadable => {
                tracing::error!(%stamp, "an entry of the invalidation log cannot be read: everything is purged");
                let everything = Purge { scopes: vec![Scope::All], depth: Depth::Hard, source: PurgeSource::Fleet };
                self.counts.add(&everything.scopes, everything.source);
                self.apply(&everything, stamp, |_| ());
            }
        }
        before
    }

    /// Raises a purge's barriers to a stamp that is not applied yet: what is fetched until then is covered too, which
    /// costs fetches and nothing else.
    fn raise_ahead(&self, purge: &Purge, stamp: Stamp) {
        self.change(|ledger| {
            for scope in &purge.scopes {
                ledger.barriers.raise(scope, stamp, purge.depth, purge.source);
            }
        });
    }

    /// Forgets barriers below `older_than`, a stamp that no stored response can still be below: whatever is, counts
    /// as purged or, where only soft purges were forgotten, as unproven from now on.
    pub fn expire(&self, older_than: Stamp) {
        self.change(|ledger| ledger.barriers.expire(older_than));
    }

    /// Changes the ledger and notes that, both before anyone else reads it.
    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.write_ledger();
        let outcome = change(&mut ledger);
        self.mark_changed();
        outcome
    }

    /// How much was purged since the start.
    #[must_use]
    pub fn purge_counts(&self) -> Vec<PurgeCount> {
        self.counts.read()
    }

    /// How long after purges were appended to the fleet's log this instance applied them; `None` if it stands alone.
    #[must_use]
    pub fn purge_lags(&self) -> DurationCounts {
        self.lags.read()
    }

    /// How many barriers stand.
    #[must_use]
    pub fn barriers(&self) -> usize {
        self.read_ledger().barriers.len()
    }

    /// Whether this instance is one of a fleet.
    #[must_use]
    pub const fn is_in_fleet(&self) -> bool {
        self.fleet.is_some()
    }

    /// The name of this instance in receipts.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    fn apply<T>(&self, purge: &Purge, stamp: Stamp, before: impl FnOnce(&Barriers) -> T) -> T {
        let now = self.clock.now();
        self.change(|ledger| {
            let seen = before(&ledger.barriers);
            for scope in &purge.scopes {
                ledger.recent.hear(scope, purge.depth, now);
                ledger.barriers.raise(scope, stamp, purge.depth, purge.source);
            }
            ledger.applied = stamp.max(ledger.applied);
            seen
        })
    }

    fn write_receipt(&self, asked: PurgeDescription, stamp: Stamp, by: &str) -> Arc<Receipt> {
        let PurgeDescription { mut scopes, scopes_total, depth, source, idempotency } = asked;
        scopes.truncate(SCOPES_SHOWN_MAX);
        scopes.shrink_to_fit();
        let receipt = Receipt {
            // In a fleet all instances know a purge by its place in the log.
            id: if self.fleet.is_some() { stamp.to_string() } else { format!("{:08x}-{stamp}", self.run) },
            idempotency,
            stamp,
            applied: vec![self.instance.clone()],
            pending: Vec::new(),
            requested_at: self.clock.now(),
            scopes,
            scopes_total,
            depth,
            source,
            by: by.to_owned(),
        };
        let receipt = Arc::new(receipt);
        self.read_receipts().add(Arc::clone(&receipt));
        receipt
    }

    fn read_receipts(&self) -> MutexGuard<'_, Receipts> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_ledger(&self) -> RwLockReadGuard<'_, Ledger> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_ledger(&self) -> RwLockWriteGuard<'_, Ledger> {
        self.ledger.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Invalidation {
    fn default() -> Self {
        Self::alone(InvalidationOptions::default())
    }
}

#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
#[path = "invalidation_tests.rs"]
mod tests;
