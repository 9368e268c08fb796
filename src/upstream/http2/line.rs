//! One connection, and how many requests are under way on it.

use super::super::transport::Refusal;
use bytes::Bytes;
use h2::client::SendRequest;
use http::HeaderMap;
use http::uri::Scheme;
use rustls::pki_types::ServerName;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most requests that one connection carries at a time, whatever the server allows: what all of them together may
/// leave unread is the window of the connection, so that slow readers never hold up the others.
pub(super) const STREAMS_MAX: usize = 100;

/// One connection. Once nobody holds it, it closes in order.
pub(in crate::upstream) struct Line {
    pub(super) sender: SendRequest<Bytes>,
    opened: Instant,
    pub(super) head_max: HeadMax,
    /// Whether the server has ended TLS.
    pub(super) refusal: Refusal,
    /// The name that the server has proved, over TLS.
    pub(super) proved: Option<ServerName<'static>>,
    /// Whether it has carried a request before.
    is_used: AtomicBool,
    /// Whether it takes no more requests.
    is_closed: AtomicBool,
    quiet_since: Mutex<Instant>,
    pub(super) pulse: Arc<Pulse>,
}

/// How large the head of an answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadMax {
    pub(super) fields: usize,
    pub(super) bytes: usize,
}

impl HeadMax {
    pub(super) fn holds(self, headers: &HeaderMap) -> bool {
        // As HTTP/1.1 would have them: name, colon, space, value, end of line.
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        headers.len() <= self.fields && bytes <= self.bytes
    }
}

/// What a connection's driver receives and reports.
#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    under_way: AtomicUsize,
    /// Whether the connection has ended.
    is_over: AtomicBool,
    /// When bytes came last, in milliseconds since the beginning.
    heard_ms: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            under_way: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            heard_ms: AtomicU64::new(0),
        }
    }

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// The connection has ended.
    pub(super) fn over(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    pub(super) fn heard(&self) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.store(millis, Ordering::Relaxed);
    }

    pub(super) fn heard_at(&self) -> Instant {
        self.began + Duration::from_millis(self.heard_ms.load(Ordering::Relaxed))
    }
}

impl Line {
    pub(super) fn new(
        sender: SendRequest<Bytes>,
        proved: Option<ServerName<'static>>,
        pulse: Arc<Pulse>,
        head_max: HeadMax,
        refusal: Refusal,
    ) -> Self {
        Self {
            sender,
            opened: Instant::now(),
            head_max,
            refusal,
            proved,
            is_used: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            quiet_since: Mutex::new(Instant::now()),
            pulse,
        }
    }

    /// Counts one more request, where there is room.
    pub(super) fn enter(&self) -> Option<()> {
        if self.is_closed() {
            return None;
        }
        let room = self.sender.current_max_send_streams().min(STREAMS_MAX);
        let taken = self
            .pulse
            .under_way
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| (taken < room).then_some(taken + 1));
        taken.ok().map(drop)
    }

    /// A request is over.
    pub(super) fn leave(&self) {
        if self.pulse.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// Whether it has carried a request before. From now on it has.
    pub(super) fn marks_used(&self) -> bool {
        self.is_used.swap(true, Ordering::Relaxed)
    }

    /// The scheme of requests.
    pub(super) fn scheme(&self) -> Scheme {
        if self.proved.is_some() { Scheme::HTTPS } else { Scheme::HTTP }
    }

    pub(super) fn was_opened_after(&self, moment: Instant) -> bool {
        self.opened > moment
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire) || self.pulse.is_over.load(Ordering::Acquire)
    }

    /// Takes no more requests. Those under way go on.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(super) fn under_way(&self) -> usize {
        self.pulse.under_way()
    }

    /// How long nothing has been under way, where that is so.
    pub(super) fn unused_for(&self, now: Instant) -> Option<Duration> {
        let since = *self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.under_way() == 0).then(|| now.saturating_duration_since(since))
    }
}
