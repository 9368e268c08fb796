//! Where each worker writes its decisions before they are handed over: a lane of its own, so that no worker waits for another.

use super::kept::Kept;
use super::open::Open;
use super::record::{RECORD_BYTES_MAX, write, write_hit};
use crate::proxy::observer::{Finished, PlainHit};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Once a lane holds so many bytes, it is handed over.
const HAND_OVER_BYTES: usize = 16 << 10;

/// What it may hold, so that a record never makes it grow.
const LANE_BYTES: usize = HAND_OVER_BYTES + RECORD_BYTES_MAX;

/// Numbers the threads that write, in the order in which they first do.
static WORKERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static WORKER: usize = WORKERS.fetch_add(1, Ordering::Relaxed);
}

/// The lanes: as many as there are processors. Where there are more threads, some share one.
pub(super) struct Lanes {
    since: Instant,
    lanes: Box<[OnOwnLines]>,
}

/// A lane on cache lines of its own.
#[repr(align(128))]
struct OnOwnLines(Mutex<Lane>);

struct Lane {
    bytes: Vec<u8>,
    decisions: u32,
    open: Open,
}

impl Default for OnOwnLines {
    fn default() -> Self {
        Self(Mutex::new(Lane { bytes: Vec::with_capacity(LANE_BYTES), decisions: 0, open: Open::default() }))
    }
}

impl Lanes {
    /// Empty ones of a feed that begins at `since`.
    pub(super) fn new(since: Instant) -> Self {
        let count = std::thread::available_parallelism().map_or(1, NonZero::get).next_power_of_two();
        Self { since, lanes: (0..count).map(|_| OnOwnLines::default()).collect() }
    }

    /// Writes a plain hit into the lane of the thread.
    pub(super) fn write_hit(&self, hit: &PlainHit<'_>, kept: &Kept) {
        let mut lane = self.own();
        write_hit(hit, self.since, &mut lane.bytes);
        lane.written(kept);
    }

    /// Writes a decision into the lane of the thread. One whose storing is not known yet waits for that.
    pub(super) fn write(&self, finished: &Finished, kept: &Kept) {
        let mut lane = self.own();
        let storing = finished.decision.as_ref().and_then(|decision| decision.storing.as_ref());
        if let Some(storing) = storing.filter(|storing| storing.known().is_none() && lane.open.has_room()) {
            let mut record = Vec::new();
            write(finished, self.since, &mut record);
            lane.open.wait(record, storing.clone(), finished.ended.into_std());
            return;
        }
        write(finished, self.since, &mut lane.bytes);
        lane.written(kept);
    }

    /// Hands over what all lanes hold, but for records that lack their end.
    pub(super) fn flush(&self, now: Instant, kept: &Kept) {
        for lane in &self.lanes {
            let mut lane = locked(&lane.0);
            for record in lane.open.take_ended(now) {
                lane.bytes.extend_from_slice(&record);
                lane.written(kept);
            }
            if lane.decisions > 0 {
                // Few bytes, which are copied so that the memory of the lane stays where it is.
                kept.push(lane.bytes.as_slice().to_vec(), lane.decisions);
                lane.bytes.clear();
                lane.decisions = 0;
            }
        }
    }

    fn own(&self) -> MutexGuard<'_, Lane> {
        // There is a power of two of them.
        let own = WORKER.with(|worker| *worker) & (self.lanes.len() - 1);
        locked(&self.lanes[own].0)
    }
}

impl Lane {
    /// One more decision is in it, which is handed over where that has filled it.
    fn written(&mut self, kept: &Kept) {
        self.decisions += 1;
        if self.bytes.len() >= HAND_OVER_BYTES {
            self.hand_over(kept);
        }
    }

    #[cold]
    fn hand_over(&mut self, kept: &Kept) {
        let full = std::mem::take(&mut self.bytes);
        let spare = kept.push(full, std::mem::take(&mut self.decisions));
        let fits = |spare: &Vec<u8>| spare.capacity() >= LANE_BYTES;
        self.bytes = spare.filter(fits).unwrap_or_else(|| Vec::with_capacity(LANE_BYTES));
        self.bytes.clear();
    }
}

fn locked(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}
