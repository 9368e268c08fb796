//! What bodies under way hold, in one account with one bound (`limits.in_flight_bytes`).
//!
//! 1. Each piece of a body is charged once, where it enters, and travels as `Bytes` whose last clone gives the charge
//!    back, whatever holds it (a shared body, hyper, h2, a queue), nobody else keeps count.
//! 2. A stored body that leaves the cache while someone still reads it is charged from then on.
//! 3. Over the bound, the readers furthest behind are cut off: by what only they keep, times how much has come in since
//!    they last took anything. A body that grows meanwhile is no longer kept for the cache. At last, clients that have
//!    taken nothing for a while are let go, the longest first.
//! 4. What begins while there is no room goes unshared and unstored, so that it holds one small buffer.
//! 5. A plain hit touches nothing of this.
//!
//! Locks: one short mutex each around the bodies, the stalled clients and what lingers; none is held while another is
//! taken or while a body is asked.

mod lingering;
mod metered;
pub(crate) mod metrics;
mod stalled;

pub(crate) use metered::{Direction, Metered};
pub(crate) use stalled::{STALL_NOTED_AFTER, Stall};

use bytes::Bytes;
use lingering::Lingering;
use stalled::Stalled;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What the bookkeeping of a piece holds, in bytes: its owner, its place in a queue.
const PIECE_OVERHEAD_BYTES: usize = 160;
/// A piece of this size at most is copied: it may be a small view of a large read buffer, which it would keep alive.
const COPIED_BYTES_MAX: usize = 8 * 1024;
/// How far a body may be ahead of its slowest reader, once it is not kept for the cache.
const WINDOW_BYTES_MAX: u64 = 1024 * 1024;
/// The same where there is no room: one small buffer.
const SMALL_BUFFER_BYTES: u64 = 64 * 1024;

/// The account.
pub struct InFlight {
    limit_bytes: u64,
    charged: AtomicU64,
    /// Every byte ever charged: the clock by which readers fall behind.
    entered: AtomicU64,
    /// When, by that clock, nothing more was found to let go of; 0: it may be looked for.
    exhausted_at: AtomicU64,
    cut_off: AtomicU64,
    bodies: Mutex<Bodies>,
    stalled: Stalled,
    lingering: Lingering,
}

#[derive(Default)]
struct Bodies {
    by_number: HashMap<u64, Weak<dyn HeldBody>>,
    next: u64,
}

/// Whether there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Free,
    /// There is none.
    Taken,
}

impl Room {
    /// Whether what no client waits for may take one of so many free places: where clients keep half of all.
    #[must_use]
    pub const fn beside(free: usize, all: usize) -> Self {
        if free > all / 2 { Self::Free } else { Self::Taken }
    }
}

/// A reader that keeps something of a body alive which nobody else needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Its number among the body's readers.
    pub reader: usize,
    /// What it has yet to take, in bytes.
    pub bytes: u64,
    /// What [`InFlight::clock`] said when it last took something.
    pub took_at: u64,
}

/// A body that is held in memory for its readers.
pub trait HeldBody: Send + Sync {
    /// The readers that keep something alive.
    fn behind(&self) -> Vec<Behind>;

    /// Ends the body early for one reader, and lets go of what only it kept.
    fn cut_off(&self, reader: usize);
}

/// Why a reader gets no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bodies under way have reached in_flight_bytes, and this reader was furthest behind")]
pub(crate) struct CutOff;

/// A charge; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    in_flight: Arc<InFlight>,
    bytes: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.in_flight.charged.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A piece with its charge.
struct Held {
    bytes: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl InFlight {
    /// An empty account with this bound, in bytes.
    #[must_use]
    pub fn new(limit_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            limit_bytes,
            charged: AtomicU64::new(0),
            entered: AtomicU64::new(0),
            exhausted_at: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            bodies: Mutex::default(),
            stalled: Stalled::default(),
            lingering: Lingering::default(),
        })
    }

    /// What is charged now, in bytes. What lingered and is read no more is released before that.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.lingering.let_go();
        self.charged()
    }

    /// How many readers were cut off so far.
    #[must_use]
    pub fn cut_off_total(&self) -> u64 {
        self.cut_off.load(Ordering::Relaxed)
    }

    /// The largest body that is kept for the cache while it grows, in bytes: one alone may not take all the room.
    #[must_use]
    pub const fn retained_bytes_max(&self) -> u64 {
        self.limit_bytes / 2
    }

    /// How far a body that is not kept for the cache may now be ahead of its slowest reader, in bytes.
    #[must_use]
    pub fn window_bytes(&self) -> usize {
        let bytes = if self.is_crowded() {
            SMALL_BUFFER_BYTES
        } else {
            (self.limit_bytes / 64).clamp(SMALL_BUFFER_BYTES, WINDOW_BYTES_MAX)
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Whether so many bytes more have room, after releasing what can be released for them.
    #[must_use]
    pub fn room_for(&self, bytes: u64) -> Room {
        // Nobody is let go of for what has no room in any case.
        if bytes <= self.limit_bytes && self.lacks(bytes) {
            self.relieve(bytes);
        }
        if self.lacks(bytes) { Room::Taken } else { Room::Free }
    }

    /// Whether what no client waits for may begin: only while less than half of the room is taken.
    #[must_use]
    pub fn spare_room(&self) -> Room {
        if self.is_crowded() { Room::Taken } else { Room::Free }
    }

    /// Whether what is held is within the bound, after releasing what can be released for that.
    #[must_use]
    pub fn room(&self) -> Room {
        self.room_for(0)
    }

    /// How many bytes have been charged since the beginning.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.entered.load(Ordering::Relaxed)
    }

    /// Charges so many bytes until the charge is dropped.
    #[must_use]
    pub fn charge(self: &Arc<Self>, bytes: u64) -> Charge {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
        self.entered.fetch_add(bytes, Ordering::Relaxed);
        Charge { in_flight: Arc::clone(self), bytes }
    }

    /// Charges a piece until its last clone is dropped. A short one is copied, so that it holds what it is charged for.
    #[must_use]
    pub fn hold(self: &Arc<Self>, piece: Bytes) -> Bytes {
        let piece = if piece.len() <= COPIED_BYTES_MAX { Bytes::copy_from_slice(&piece) } else { piece };
        self.hold_whole(piece)
    }

    /// Charges bytes that are an allocation of their own.
    #[must_use]
    pub fn hold_whole(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        let charge = self.charge((bytes.len() + PIECE_OVERHEAD_BYTES) as u64);
        Bytes::from_owner(Held { bytes, _charge: charge })
    }

    /// Charges a body that has left the cache, as long as somebody else holds it.
    pub fn linger(&self, body: &Bytes) {
        self.lingering.add(body);
    }

    /// A client that takes nothing: it may be let go. It is no longer seen as such once the value is dropped.
    #[must_use]
    pub fn stalled(self: &Arc<Self>) -> Stall {
        self.stalled.add(self)
    }

    /// Notes a body whose readers may be cut off; its number is for [`Self::forget`].
    pub fn note(&self, body: Weak<dyn HeldBody>) -> u64 {
        let mut bodies = self.bodies();
        let number = bodies.next;
        bodies.next += 1;
        bodies.by_number.insert(number, body);
        number
    }

    /// Forgets a body that is gone.
    pub fn forget(&self, number: u64) {
        self.bodies().by_number.remove(&number);
    }

    fn bodies(&self) -> MutexGuard<'_, Bodies> {
        // No step leaves the table half changed, so a panic elsewhere doesn't spoil it.
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn charged(&self) -> u64 {
        self.charged.load(Ordering::Relaxed).saturating_add(self.lingering.bytes())
    }

    /// Somebody has stalled, or all are gone who were let go: looks again for whom to let go of, where there is no room.
    fn look_again(&self) {
        self.exhausted_at.store(0, Ordering::Relaxed);
        if self.lacks(0) {
            self.relieve(0);
        }
    }

    /// Whether half the room is taken: what can wait takes a piece at a time from then on.
    fn is_crowded(&self) -> bool {
        self.charged() > self.limit_bytes / 2
    }

    fn lacks(&self, wanted: u64) -> bool {
        self.charged().saturating_add(wanted) > self.limit_bytes
    }

    /// Cuts off the readers that are furthest behind until so many bytes have room. Where all are let go of and there
    /// is none still, it is not tried again before something worth it has come in.
    fn relieve(&self, wanted: u64) {
        self.lingering.let_go();
        let exhausted_at = self.exhausted_at.load(Ordering::Relaxed);
        let is_exhausted = exhausted_at > 0 && self.clock().saturating_sub(exhausted_at) < self.limit_bytes / 64;
        if is_exhausted || !self.lacks(wanted) {
            return;
        }
        // Asked and let go of outside the lock: a body that is dropped here forgets itself.
        let bodies: Vec<_> = self.bodies().by_number.values().filter_map(Weak::upgrade).collect();
        let now = self.clock();
        let mut behind: Vec<_> =
            bodies.iter().flat_map(|body| body.behind().into_iter().map(move |behind| (body, behind))).collect();
        // One small buffer is everybody's: who has just come is not far behind.
        behind.retain(|(_, reader)| reader.bytes > SMALL_BUFFER_BYTES);
        behind.sort_by_key(|(_, reader)| {
            Reverse(u128::from(reader.bytes) * u128::from(now.saturating_sub(reader.took_at)))
        });
        let mut cut = 0;
        let mut behind = behind.into_iter();
        while self.lacks(wanted) {
            let Some((body, reader)) = behind.next() else { break };
            body.cut_off(reader.reader);
            cut += 1;
        }
        if self.lacks(wanted) {
            self.exhausted_at.store(now.max(1), Ordering::Relaxed);
            cut += self.stalled.let_go_longest();
        }
        if cut > 0 {
            self.cut_off.fetch_add(cut, Ordering::Relaxed);
            let (held_bytes, limit_bytes) = (self.charged(), self.limit_bytes);
            tracing::warn!(readers = cut, held_bytes, limit_bytes, "in_flight_bytes reached: slow readers are cut off");
        }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("charged", &self.charged())
            .field("limit_bytes", &self.limit_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
