//! Clients that take nothing of what they asked for, the longest first.

use super::InFlight;
use futures_util::task::AtomicWaker;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a client may take nothing before it is noted here.
pub const STALL_NOTED_AFTER: Duration = Duration::from_secs(1);

/// How many are let go at a time: what they hold is given back only when their tasks run.
const LET_GO_AT_A_TIME: usize = 8;

#[derive(Default)]
pub(super) struct Stalled(Mutex<Row>);

#[derive(Default)]
struct Row {
    next: u64,
    by_age: BTreeMap<u64, Arc<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    let_go: AtomicBool,
    waker: AtomicWaker,
}

/// A client that takes nothing, noted until this is dropped.
#[derive(Debug)]
pub struct Stall {
    in_flight: Arc<InFlight>,
    number: u64,
    told: Arc<Told>,
}

impl Stalled {
    pub(super) fn add(&self, in_flight: &Arc<InFlight>) -> Stall {
        let told = Arc::new(Told::default());
        let mut row = self.row();
        let number = row.next;
        row.next += 1;
        row.by_age.insert(number, Arc::clone(&told));
        Stall { in_flight: Arc::clone(in_flight), number, told }
    }

    /// Tells those that have stalled longest to go; returns how many.
    pub(super) fn let_go_longest(&self) -> u64 {
        let mut gone = Vec::new();
        {
            let mut row = self.row();
            while gone.len() < LET_GO_AT_A_TIME {
                let Some((_, told)) = row.by_age.pop_first() else { break };
                gone.push(told);
            }
        }
        for told in &gone {
            told.let_go.store(true, Ordering::Release);
            told.waker.wake();
        }
        gone.len() as u64
    }

    fn row(&self) -> MutexGuard<'_, Row> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stall {
    /// Ready once the client is to be let go.
    pub fn poll_let_go(&self, cx: &Context<'_>) -> Poll<()> {
        self.told.waker.register(cx.waker());
        if self.told.let_go.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.in_flight.stalled.row().by_age.remove(&self.number);
    }
}
