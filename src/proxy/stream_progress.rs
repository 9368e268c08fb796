//! What a stream's client owes, and the watch that ends a stream whose client makes no progress on it.
//!
//! Whoever takes the request's body or sends the answer tells a [`Progress`] when it is the client that is waited for; the
//! [`Watch`] beside them ends the stream once that has lasted for `timeouts.stall`, or earlier where what bodies under way
//! hold has no room and this client is the one that has stalled longest.

use crate::alarm::Alarm;
use crate::in_flight::{InFlight, STALL_NOTED_AFTER, Stall};
use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// What a stream's client owes, and since when.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    /// Milliseconds from the beginning, plus one; 0: it owes nothing.
    taking_since: AtomicU64,
    giving_since: AtomicU64,
    /// Whether a request's body is under way.
    uploads: AtomicBool,
    /// Whether the client may leave it at that for as long as it likes.
    may_be_silent: AtomicBool,
    let_go: AtomicBool,
    over: AtomicBool,
    /// Who waits for the request's body.
    reader: AtomicWaker,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            taking_since: AtomicU64::new(0),
            giving_since: AtomicU64::new(0),
            uploads: AtomicBool::new(false),
            may_be_silent: AtomicBool::new(false),
            let_go: AtomicBool::new(false),
            over: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// The client is to take more of the response, now or since an earlier call.
    fn awaits_taking(&self) {
        let _ = self.taking_since.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The client has taken what there was.
    fn taken(&self) {
        self.taking_since.store(0, Ordering::Relaxed);
    }

    /// Notes whether it is the client that `polled` waits for.
    pub(super) fn while_taking<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            self.awaits_taking();
        } else {
            self.taken();
        }
        polled
    }

    /// A request's body begins.
    pub(super) fn upload_begins(&self) {
        self.uploads.store(true, Ordering::Relaxed);
    }

    /// The client is to give the next piece of its body.
    pub(super) fn awaits_giving(&self) {
        if self.may_be_silent.load(Ordering::Relaxed) {
            return;
        }
        let _ = self.giving_since.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The answer is a stream of events, so the body may be one, too: whoever sends it has perhaps nothing to say.
    pub(super) fn allow_silence(&self) {
        self.may_be_silent.store(true, Ordering::Relaxed);
        self.given();
    }

    /// The client has given a piece of its body.
    pub(super) fn given(&self) {
        self.giving_since.store(0, Ordering::Relaxed);
    }

    /// The request's body is over, or nobody wants it.
    pub(super) fn upload_ends(&self) {
        self.uploads.store(false, Ordering::Relaxed);
        self.given();
    }

    /// Whether the client was let go for want of room.
    pub(super) fn was_let_go(&self) -> bool {
        self.let_go.load(Ordering::Relaxed)
    }

    /// The stream is over.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// Ready once the stream is over.
    pub(super) fn poll_over(&self, cx: &Context<'_>) -> Poll<()> {
        self.reader.register(cx.waker());
        if self.over.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Since when the client owes something.
    fn owed_since(&self) -> Option<Instant> {
        let since = [&self.taking_since, &self.giving_since].map(|since| since.load(Ordering::Relaxed));
        let millis = since.into_iter().filter(|since| *since > 0).min()?;
        Some(self.began + Duration::from_millis(millis - 1))
    }
}

/// Watches over the client of one stream.
pub(super) struct Watch {
    progress: Arc<Progress>,
    stall_timeout: Duration,
    in_flight: Option<Arc<InFlight>>,
    alarm: Alarm,
    /// With the time since when the client has owed.
    stall: Option<(Instant, Stall)>,
}

impl Watch {
    /// A watch over this progress.
    pub(super) fn new(progress: &Arc<Progress>, stall_timeout: Duration, in_flight: Option<Arc<InFlight>>) -> Self {
        Self { progress: Arc::clone(progress), stall_timeout, in_flight, alarm: Alarm::default(), stall: None }
    }

    /// Ready once the client has made no progress for too long.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(since) = self.progress.owed_since() else {
            self.stall = None;
            // Whether the client owes a piece of its body is found out in another task, which doesn't wake this one.
            if self.progress.uploads.load(Ordering::Relaxed) {
                let _ = self.alarm.poll(cx, Instant::now() + self.stall_timeout);
            }
            return Poll::Pending;
        };
        if self.stall.as_ref().is_some_and(|(noted, _)| *noted != since) {
            self.stall = None;
        }
        if let (None, Some(in_flight)) = (&self.stall, &self.in_flight)
            && STALL_NOTED_AFTER < self.stall_timeout
        {
            if self.alarm.poll(cx, since + STALL_NOTED_AFTER).is_pending() {
                return Poll::Pending;
            }
            self.stall = Some((since, in_flight.stalled()));
        }
        if let Some((_, stall)) = &self.stall
            && stall.poll_let_go(cx).is_ready()
        {
            self.progress.let_go.store(true, Ordering::Relaxed);
            return Poll::Ready(());
        }
        self.alarm.poll(cx, since + self.stall_timeout)
    }
}
