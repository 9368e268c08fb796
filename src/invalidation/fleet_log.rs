//! The log of a fleet: a Redis stream that every instance reads in order.
//!
//! This half appends, keeps the leases and knows whether this instance is current; [`super::reader`] reads and applies.
//! `waiting` and `proven_until` are the seam between the two: who appends waits there for its own entry to be read, and
//! the reader notes there up to when it has proved that it missed nothing.

use super::Currency;
use super::idempotency::IdempotencyKey;
use super::members::Muster;
use super::purge::Purge;
use super::record::{LogRecord, PurgePart, PurgeRecord};
use super::unsent::Unsent;
use crate::clock::Clock;
#[cfg(test)]
use crate::deliberate_fault::{self, Fault};
use crate::fleet::link::{Link, LinkError};
use crate::fleet::member::Member;
use crate::fleet::options::FleetOptions;
use crate::fleet::streams::{self, EntryId};
use crate::stamp::Stamp;
use redis::{cmd, from_redis_value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

/// What is written beside a purge into the log.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) idempotency: Option<IdempotencyKey>,
    pub(super) part: PurgePart,
}

/// How long the log may take to take a purge.
const APPEND_DEADLINE: Duration = Duration::from_millis(500);

/// How long the own reader may take to reach what was appended; then the barriers rise without it.
const OWN_READER_DEADLINE: Duration = Duration::from_secs(1);

/// How long an instance is listed after it was last seen.
const LISTED_FOR: Duration = Duration::from_hours(24);

/// The two ways to Redis that the log needs.
#[derive(Debug, Clone)]
pub struct FleetLinks {
    /// For requests and callers, who wait for it.
    pub requests: Arc<dyn Link>,
    /// For the reader alone: it blocks.
    pub reader: Arc<dyn Link>,
}

/// What stands in place of the lease of an instance that has left.
const LEFT: &str = "left";

/// Where the reader came to an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    /// What was applied just before it.
    pub(super) before: Stamp,
    /// Its stamp.
    pub(super) stamp: Stamp,
}

/// Why the log took no purge.
#[derive(Debug, thiserror::Error)]
#[error("the invalidation log cannot take a purge now")]
pub struct LogError(#[from] LinkError);

/// What became of an append.
#[derive(Debug, Clone, Copy)]
pub(super) enum Appended {
    /// It is in the log, and applied here.
    Applied(Reached),
    /// It is in the log; the own reader has not come to it in time.
    Ahead(Stamp),
}

/// Which live instances have reached a stamp.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Those that have.
    pub applied: Vec<String>,
    /// Those that have not.
    pub pending: Vec<String>,
}

/// The log of a fleet.
pub(super) struct FleetLog {
    pub(super) links: FleetLinks,
    pub(super) options: FleetOptions,
    clock: Arc<dyn Clock>,
    run: u32,
    appends: AtomicU64,
    waiting: Mutex<HashMap<String, oneshot::Sender<Reached>>>,
    /// In milliseconds of the monotonic clock.
    proven_until_ms: AtomicU64,
    proved: Notify,
    pub(super) unsent: Unsent,
    /// What this instance says of itself, and the others do.
    pub(super) muster: Muster,
    /// When each other instance was last seen alive, by the monotonic clock here.
    known: Mutex<BTreeMap<String, Duration>>,
}

impl FleetLog {
    pub(super) fn new(links: FleetLinks, options: FleetOptions, clock: Arc<dyn Clock>, run: u32) -> Self {
        Self {
            links,
            options,
            clock,
            run,
            appends: AtomicU64::new(0),
            waiting: Mutex::default(),
            proven_until_ms: AtomicU64::new(0),
            proved: Notify::new(),
            unsent: Unsent::default(),
            muster: Muster::default(),
            known: Mutex::default(),
        }
    }

    /// Appends a purge and waits until it is applied here.
    pub(super) async fn append(&self, purge: &Purge, mark: Mark) -> Result<Appended, LogError> {
        let by = self.options.instance.clone();
        let Mark { idempotency, part } = mark;
        self.append_record(|token| LogRecord::Purge(PurgeRecord { purge: purge.clone(), by, token, idempotency, part }))
            .await
    }

    /// Appends the record that `make` makes with the name of this attempt, and waits until it is applied here.
    pub(super) async fn append_record(&self, make: impl FnOnce(String) -> LogRecord) -> Result<Appended, LogError> {
        let number = self.appends.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}-{:08x}-{number}", self.options.instance, self.run);
        let (reached, reading) = oneshot::channel();
        self.waiting().insert(token.clone(), reached);
        let waits = Waits { log: self, token: &token };
        let fields = make(token.clone()).fields();
        let command = streams::append(&self.options.names.purges(), None, None, &fields);
        let reply = self.links.requests.call(&command, APPEND_DEADLINE).await?;
        let id = streams::appended(reply)?;
        let reached = timeout(OWN_READER_DEADLINE, reading).await;
        drop(waits);
        Ok(match reached {
            Ok(Ok(reached)) => Appended::Applied(reached),
            Ok(Err(_)) | Err(_) => Appended::Ahead(stamp_of(id)),
        })
    }

    /// Tells who waits for the entry of this token that it has been applied.
    pub(super) fn reached(&self, token: &str, reached: Reached) {
        if let Some(waiting) = self.waiting().remove(token) {
            // Who asked may have given up.
            let _ = waiting.send(reached);
        }
    }

    /// Notes that this instance was current at `at`, by the monotonic clock.
    pub(super) fn prove(&self, at: Duration) {
        self.proven_until_ms.fetch_max(millis(at + self.options.partition_grace), Ordering::AcqRel);
        self.proved.notify_waiters();
    }

    /// Waits until what it has proved counts.
    pub(super) async fn current(&self) {
        loop {
            let mut proved = pin!(self.proved.notified());
            // Before the look: a proof that comes in between is not missed.
            proved.as_mut().enable();
            if self.currency() == Currency::Proven {
                return;
            }
            proved.await;
        }
    }

    /// Whether what it proved last still counts.
    pub(super) fn currency(&self) -> Currency {
        #[cfg(test)]
        if deliberate_fault::is_on(Fault::AlwaysCurrent) {
            return Currency::Proven;
        }
        let until = self.proven_until_ms.load(Ordering::Acquire);
        if millis(self.clock.monotonic()) < until { Currency::Proven } else { Currency::Unproven }
    }

    /// Renews the lease of this instance with what it has applied.
    pub(super) async fn renew(&self, applied: Stamp, deadline: Duration) -> Result<(), LinkError> {
        let (names, instance) = (&self.options.names, &self.options.instance);
        let mut command = cmd("SET");
        command.arg(names.instance(instance)).arg(applied.to_string()).arg("PX").arg(millis(self.options.lease()));
        self.links.reader.call(&command, deadline).await?;
        // Each time: a list that Redis has lost is whole again with the next renewals.
        let mut command = cmd("ZADD");
        command.arg(names.instances()).arg(self.clock.now().as_millis()).arg(instance);
        self.links.reader.call(&command, deadline).await.map(drop)
    }

    /// Says what this instance is, for longer than its lease lasts: whoever finds the lease finds this.
    pub(super) async fn introduce(&self, deadline: Duration) -> Result<(), LinkError> {
        let name = self.options.names.about(&self.options.instance);
        let command = self.muster.introduce(&name, millis(self.options.lease().saturating_mul(2)));
        self.links.reader.call(&command, deadline).await.map(drop)
    }

    /// Asks these instances what they are.
    pub(super) async fn muster(
        &self,
        alive: BTreeMap<String, Option<Stamp>>,
        deadline: Duration,
    ) -> Result<(), LinkError> {
        let mut others = BTreeMap::new();
        for (instance, _) in alive {
            let mut get = cmd("GET");
            get.arg(self.options.names.about(&instance));
            let said: Option<String> =
                from_redis_value(self.links.reader.call(&get, deadline).await?).unwrap_or_default();
            others.insert(instance, said.as_deref().and_then(Member::read));
        }
        self.muster.note(others);
        Ok(())
    }

    /// Removes from the list each instance that has not been seen for so long that no clock can be that wrong. Nobody
    /// is taken off merely because the lease is over: it may be renewed at this very moment.
    pub(super) async fn unlist_departed(&self, deadline: Duration) -> Result<(), LinkError> {
        let before = self.clock.now().saturating_sub(LISTED_FOR).as_millis();
        let mut command = cmd("ZREMRANGEBYSCORE");
        command.arg(self.options.names.instances()).arg("-inf").arg(before);
        self.links.reader.call(&command, deadline).await.map(drop)
    }

    /// Ends the lease: nobody need wait for this instance any more. For as long as others remember it, they find that
    /// it has left, and not that its lease is lost.
    pub(super) async fn leave(&self) -> Result<(), LinkError> {
        let (names, instance) = (&self.options.names, &self.options.instance);
        let mut left = cmd("SET");
        left.arg(names.instance(instance)).arg(LEFT).arg("PX").arg(millis(self.options.lease()));
        self.links.requests.call(&left, APPEND_DEADLINE).await?;
        let mut unlist = cmd("ZREM");
        unlist.arg(names.instances()).arg(instance);
        self.links.requests.call(&unlist, APPEND_DEADLINE).await.map(drop)
    }

    /// The stamps that the other live instances have applied; none for one whose lease is not to be
    /// found, and that may be alive all the same.
    ///
    /// That a lease is not there proves nothing: Redis ends it by a clock that may jump, or has lost it with everything
    /// else. Only an instance that has not been seen for as long as a lease lasts, by the clock here that nobody sets,
    /// serves nothing unasked.
    pub(super) async fn live_instances(
        &self,
        link: &Arc<dyn Link>,
        deadline: Duration,
    ) -> Result<BTreeMap<String, Option<Stamp>>, LinkError> {
        let names = &self.options.names;
        let mut listed = cmd("ZRANGE");
        listed.arg(names.instances()).arg(0).arg(-1);
        let listed: Vec<String> = from_redis_value(link.call(&listed, deadline).await?).unwrap_or_default();
        let others: BTreeSet<String> = self.known().keys().cloned().chain(listed).collect();
        let mut alive = BTreeMap::new();
        for instance in others.into_iter().filter(|other| *other != self.options.instance) {
            let mut get = cmd("GET");
            get.arg(names.instance(&instance));
            // Before it is read: it may be renewed, and end, just after.
            let now = self.clock.monotonic();
            let lease: Option<String> = from_redis_value(link.call(&get, deadline).await?).unwrap_or_default();
            let mut known = self.known();
            match lease.as_deref() {
                Some(LEFT) => drop(known.remove(&instance)),
                Some(lease) => {
                    known.insert(instance.clone(), now);
                    alive.insert(instance, Stamp::parse(lease));
                }
                None if now.saturating_sub(*known.entry(instance.clone()).or_insert(now)) < self.options.lease() => {
                    alive.insert(instance, None);
                }
                None => {}
            }
        }
        Ok(alive)
    }

    /// Which live instances have reached `stamp`.
    pub(super) async fn progress(&self, stamp: Stamp, applied_here: Stamp) -> Result<Progress, LinkError> {
        let mut applied = self.live_instances(&self.links.requests, APPEND_DEADLINE).await?;
        applied.insert(self.options.instance.clone(), Some(applied_here));
        let mut progress = Progress::default();
        for (instance, applied) in applied {
            let reached = applied.is_some_and(|applied| applied >= stamp);
            if reached { &mut progress.applied } else { &mut progress.pending }.push(instance);
        }
        Ok(progress)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Duration>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Reached>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a token once nobody waits for it, also where the caller has gone.
struct Waits<'a> {
    log: &'a FleetLog,
    token: &'a str,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.log.waiting().remove(self.token);
    }
}

/// The stamp of a log entry.
pub(super) const fn stamp_of(id: EntryId) -> Stamp {
    Stamp::new((id.0, id.1), 0)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
