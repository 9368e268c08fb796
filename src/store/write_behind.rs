//! Writes to the shared tier, off the path of requests: a bounded queue and one worker.
//!
//! `queue` is locked briefly and never across an await; `changed` wakes the worker. Over its bound the oldest write is
//! dropped: it is the one that most likely has been overtaken. A newer response of the same key and variant takes the
//! place of one that still waits.

use super::memory::Admission;
use super::tier::Tier;
use crate::coalesce::fetch_lease::FetchLease;
use crate::entry::Entry;
use crate::key::PrimaryKey;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// One response to be written.
#[derive(Debug)]
pub struct Write {
    /// Its key.
    pub key: PrimaryKey,
    /// The response.
    pub entry: Arc<Entry>,
    /// How long it can be of use.
    pub keep_for: Duration,
    /// The lease under which it was fetched, if any: held until others can find it.
    pub lease: Option<Arc<FetchLease>>,
}

/// The queue.
pub struct WriteBehind {
    tier: Arc<dyn Tier>,
    queue: Mutex<Queue>,
    changed: Notify,
    bytes_max: usize,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    writes: VecDeque<Write>,
    bytes: usize,
}

impl Write {
    fn bytes(&self) -> usize {
        self.entry.weight_bytes() + self.key.as_bytes().len()
    }
}

impl WriteBehind {
    /// A queue of at most `bytes_max` bytes before `tier`. [`Self::work`] must run for as long as it is used.
    pub fn new(tier: Arc<dyn Tier>, bytes_max: usize) -> Arc<Self> {
        let (queue, changed, dropped) = (Mutex::default(), Notify::new(), AtomicU64::new(0));
        Arc::new(Self { tier, queue, changed, bytes_max, dropped })
    }

    /// Takes a write. Never waits.
    pub fn offer(&self, write: Write) {
        let mut queue = self.locked();
        let same = |other: &Write| other.key == write.key && other.entry.variant() == write.entry.variant();
        if let Some(at) = queue.writes.iter().position(same)
            && let Some(older) = queue.writes.remove(at)
        {
            queue.bytes -= older.bytes();
        }
        queue.bytes += write.bytes();
        queue.writes.push_back(write);
        while queue.bytes > self.bytes_max {
            let Some(oldest) = queue.writes.pop_front() else { break };
            queue.bytes -= oldest.bytes();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// How many writes were dropped to stay within the bound.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is offered, one after the other. Never ends.
    pub async fn work(self: Arc<Self>) {
        loop {
            let Some(write) = self.take() else {
                self.changed.notified().await;
                continue;
            };
            // Whatever becomes of it is counted by the tier.
            let admission = self.tier.admit(&write.key, write.entry, write.keep_for).await;
            if let (Admission::Stored, Some(lease)) = (admission, write.lease) {
                lease.stored();
            }
        }
    }

    fn take(&self) -> Option<Write> {
        let mut queue = self.locked();
        let next = queue.writes.pop_front()?;
        queue.bytes -= next.bytes();
        Some(next)
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
