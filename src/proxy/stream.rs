//! The task of one HTTP/2 stream: ended, which resets the stream, where its client makes no progress on it.
//!
//! hyper hands each stream to an executor as one future, and waits in it without end for a window that the client does
//! not give. [`StreamExecutor`] runs it beside a watch: the bodies of the stream tell a [`Progress`] when it is the
//! client that is waited for, and the future is dropped once that has lasted for `timeouts.stall`, or earlier where what
//! bodies under way hold has no room and this client is the one that has stalled longest.

use crate::alarm::Alarm;
use crate::in_flight::{InFlight, STALL_NOTED_AFTER, Stall};
use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of one stream's request that may wait for whoever takes them.
pub(super) const STREAM_WINDOW_BYTES: u32 = 128 * 1024;

tokio::task_local! {
    static CURRENT: Arc<Progress>;
}

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

/// The progress of the stream whose task this is; none on a connection that has no streams.
pub(super) fn current() -> Option<Arc<Progress>> {
    CURRENT.try_with(Arc::clone).ok()
}

impl Progress {
    fn new() -> Self {
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

    /// The client is to take a piece of the response.
    pub(super) fn awaits_taking(&self) {
        self.taking_since.store(self.now(), Ordering::Relaxed);
    }

    /// The client has taken what there was.
    pub(super) fn taken(&self) {
        self.taking_since.store(0, Ordering::Relaxed);
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
    fn end(&self) {
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

/// Spawns the streams of HTTP/2 connections.
#[derive(Debug, Clone)]
pub(super) struct StreamExecutor {
    pub(super) stall_timeout: Duration,
    pub(super) in_flight: Option<Arc<InFlight>>,
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let progress = Arc::new(Progress::new());
        let watch = Watch {
            progress: Arc::clone(&progress),
            stall_timeout: self.stall_timeout,
            in_flight: self.in_flight.clone(),
            alarm: Alarm::default(),
            stall: None,
        };
        tokio::spawn(watched(CURRENT.scope(progress, stream), watch));
    }
}

async fn watched(stream: impl Future<Output = ()>, mut watch: Watch) {
    let mut stream = pin!(stream);
    poll_fn(|cx| match stream.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => watch.poll_over(cx).map(|()| watch.progress.end()),
    })
    .await;
}

struct Watch {
    progress: Arc<Progress>,
    stall_timeout: Duration,
    in_flight: Option<Arc<InFlight>>,
    alarm: Alarm,
    /// With the time since when the client has owed.
    stall: Option<(Instant, Stall)>,
}

impl Watch {
    /// Ready once the client has made no progress for too long.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
