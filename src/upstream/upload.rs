//! What the two directions of one exchange report to each other: that the request's body moves on, and whether it is
//! wanted.

use futures_util::task::AtomicWaker;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// How many interim responses one request may get.
pub(super) const INTERIMS_MAX: u32 = 256;

/// Whether interim responses are still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interims {
    Welcome,
    TooMany,
}

/// Whether the body may be sent: RFC 9110 section 10.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Gate {
    /// It may.
    Open,
    /// The origin has yet to say 100.
    Held,
    /// The final response came instead of a 100: the body stays where it is.
    Answered,
    /// And the response is over, so nothing will ask for the body any more.
    Over,
}

/// Shared by a request's body, the one that waits for the response's head, and the response's body.
#[derive(Debug)]
pub(super) struct Upload {
    began: Instant,
    /// The latest sign of life in the request's direction, or an interim response, in milliseconds since the beginning.
    progressed_ms: AtomicU64,
    waits_for_client: AtomicBool,
    /// When the request's body had been read to its end; the largest number before that.
    ended_ms: AtomicU64,
    interims: AtomicU32,
    /// Woken when the body has been read, and when there are too many interim responses.
    news: AtomicWaker,
    gate: AtomicU8,
    held: AtomicWaker,
}

impl Upload {
    pub(super) fn new(gate: Gate) -> Self {
        Self {
            began: Instant::now(),
            progressed_ms: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            ended_ms: AtomicU64::new(u64::MAX),
            interims: AtomicU32::new(0),
            news: AtomicWaker::new(),
            gate: AtomicU8::new(gate as u8),
            held: AtomicWaker::new(),
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn progressed(&self) {
        self.progressed_ms.store(self.millis(), Ordering::Relaxed);
        self.waits_for_client.store(false, Ordering::Relaxed);
    }

    /// When there was the latest sign of life.
    pub(super) fn progressed_at(&self) -> Instant {
        self.began + Duration::from_millis(self.progressed_ms.load(Ordering::Relaxed))
    }

    /// The request's body has been read to its end.
    pub(super) fn ended(&self) {
        let ended = self.ended_ms.compare_exchange(u64::MAX, self.millis(), Ordering::Relaxed, Ordering::Relaxed);
        if ended.is_ok() {
            self.news.wake();
        }
    }

    /// When that was.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        let millis = self.ended_ms.load(Ordering::Relaxed);
        (millis != u64::MAX).then(|| self.began + Duration::from_millis(millis))
    }

    /// An interim response has come: a sign of life, unless there are too many of them.
    pub(super) fn interim(&self) -> Interims {
        if self.interims.fetch_add(1, Ordering::Relaxed) >= INTERIMS_MAX {
            self.news.wake();
            return Interims::TooMany;
        }
        self.progressed();
        Interims::Welcome
    }

    /// How the interim responses that have come count together.
    pub(super) fn interims(&self) -> Interims {
        if self.interims.load(Ordering::Relaxed) > INTERIMS_MAX { Interims::TooMany } else { Interims::Welcome }
    }

    /// Keeps the waker until the request's body has been read, or there are too many interim responses. Look again after
    /// this.
    pub(super) fn wait_for_news(&self, waker: &Waker) {
        self.news.register(waker);
    }

    pub(super) fn wait_for_client(&self) {
        self.waits_for_client.store(true, Ordering::Relaxed);
    }

    /// Whether it is the client that keeps the request's body waiting.
    pub(super) fn waits_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed)
    }

    pub(super) fn gate(&self) -> Gate {
        match self.gate.load(Ordering::Acquire) {
            gate if gate == Gate::Open as u8 => Gate::Open,
            gate if gate == Gate::Held as u8 => Gate::Held,
            gate if gate == Gate::Answered as u8 => Gate::Answered,
            _ => Gate::Over,
        }
    }

    /// Keeps the waker until the gate changes. Look at the gate again after this.
    pub(super) fn wait_at_gate(&self, waker: &Waker) {
        self.held.register(waker);
    }

    fn change(&self, from: Gate, to: Gate) {
        if self.gate.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.held.wake();
        }
    }

    /// The origin wants the body, or has been given long enough to say so.
    pub(super) fn open(&self) {
        self.change(Gate::Held, Gate::Open);
    }

    /// The final response has come.
    pub(super) fn answered(&self) {
        self.change(Gate::Held, Gate::Answered);
    }

    /// The response has ended. A body that never began will not begin; one under way goes on.
    pub(super) fn over(&self) {
        self.change(Gate::Held, Gate::Over);
        self.change(Gate::Answered, Gate::Over);
    }
}
