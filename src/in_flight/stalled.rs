//! Clients that take nothing of what they asked for, the longest first.

use super::InFlight;
use futures_util::task::AtomicWaker;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a client may take nothing before it is noted here.
pub(crate) const STALL_NOTED_AFTER: Duration = Duration::from_secs(1);

/// How many are let go at a time: what they hold is given back only when their tasks run.
const LET_GO_AT_A_TIME: usize = 8;

#[derive(Default)]
pub(super) struct Stalled {
    row: Mutex<Row>,
    /// How many were asked to end and have not ended yet.
    going: AtomicU64,
}

#[derive(Default)]
struct Row {
    next: u64,
    by_age: BTreeMap<u64, Arc<Signal>>,
}

#[derive(Debug, Default)]
struct Signal {
    let_go: AtomicBool,
    waker: AtomicWaker,
}

/// A client that takes nothing, noted until this is dropped.
#[derive(Debug)]
pub struct Stall {
    in_flight: Arc<InFlight>,
    number: u64,
    signal: Arc<Signal>,
}

impl Stalled {
    pub(super) fn add(&self, in_flight: &Arc<InFlight>) -> Stall {
        let signal = Arc::new(Signal::default());
        let mut row = self.row();
        let number = row.next;
        row.next += 1;
        row.by_age.insert(number, Arc::clone(&signal));
        drop(row);
        in_flight.look_again();
        Stall { in_flight: Arc::clone(in_flight), number, signal }
    }

    /// Tells those that have stalled longest to go, unless such are still going; returns how many.
    pub(super) fn let_go_longest(&self) -> u64 {
        let mut gone = Vec::new();
        {
            let mut row = self.row();
            if self.going.load(Ordering::Acquire) > 0 {
                return 0;
            }
            while gone.len() < LET_GO_AT_A_TIME {
                let Some((_, signal)) = row.by_age.pop_first() else { break };
                // Signalled under the lock, so that one who leaves by itself just now is not waited for.
                signal.let_go.store(true, Ordering::Release);
                gone.push(signal);
            }
            self.going.store(gone.len() as u64, Ordering::Release);
        }
        for signal in &gone {
            signal.waker.wake();
        }
        gone.len() as u64
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stall {
    /// Ready once the client is to be let go.
    pub fn poll_let_go(&self, cx: &Context<'_>) -> Poll<()> {
        self.signal.waker.register(cx.waker());
        if self.signal.let_go.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        let stalled = &self.in_flight.stalled;
        let was_told = {
            let mut row = stalled.row();
            row.by_age.remove(&self.number);
            self.signal.let_go.load(Ordering::Acquire)
        };
        // Only once what all of them held is given back is it known whether others must go.
        if was_told && stalled.going.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.in_flight.look_again();
        }
    }
}
