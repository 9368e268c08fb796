//! What the session, the service and the response bodies of one connection know of each other.
//!
//! One value per connection, shared by reference count. All of it changes in the connection's own tasks; only an interim
//! response may come from another one. No lock is held across an await, and none is taken for an ordinary request.

use super::end_signal::EndSignal;
use super::interim::InterimQueue;
use super::observer::Observers;
use super::refusal::Refusal;
use crate::in_flight::InFlight;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// The shared state of one connection. What each request touches comes first and fills one cache line: with thousands
/// of busy connections none of it is in the processor's cache.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Conversation {
    requests_begun: AtomicU64,
    requests_ended: AtomicU64,
    last_event_micros: AtomicU64,
    opened: Instant,
    /// Notified of the connection and its requests.
    pub(super) observers: Observers,
    broken: OnceLock<Refusal>,
    reset_on_close: AtomicBool,
    let_go: AtomicBool,
    /// Its place is wanted for another connection.
    pub(super) end: EndSignal,
    /// What bodies under way hold; `None` if nobody keeps an account.
    pub(super) in_flight: Option<Arc<InFlight>>,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    /// Interim responses under way.
    pub(super) interims: Arc<InterimQueue>,
}

impl Conversation {
    /// The state of a connection opened at `opened`.
    pub(super) fn new(opened: Instant, observers: Observers) -> Self {
        Self {
            opened,
            observers,
            requests_begun: AtomicU64::new(0),
            requests_ended: AtomicU64::new(0),
            last_event_micros: AtomicU64::new(0),
            broken: OnceLock::new(),
            reset_on_close: AtomicBool::new(false),
            let_go: AtomicBool::new(false),
            end: EndSignal::default(),
            in_flight: None,
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            interims: Arc::default(),
        }
    }

    /// The same, with the account of what bodies under way hold.
    #[must_use]
    pub(super) fn charging(self, in_flight: Option<Arc<InFlight>>) -> Self {
        Self { in_flight, ..self }
    }

    /// The service got one more request; returns its number.
    pub(super) fn request_begun(&self, at: Instant) -> u64 {
        self.note(at);
        self.requests_begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A request that never reaches the service begins and is answered at once.
    pub(super) fn answered_below(&self) {
        self.requests_begun.fetch_add(1, Ordering::Relaxed);
    }

    /// A request ended, however it did.
    pub(super) fn request_ended(&self, at: Instant) {
        self.note(at);
        self.requests_ended.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a request is being answered: begun and not ended.
    pub(super) fn is_busy(&self) -> bool {
        self.requests_begun.load(Ordering::Relaxed) != self.requests_ended.load(Ordering::Relaxed)
    }

    /// Whether it is idle and was not asked to end yet.
    pub(super) fn may_make_room(&self) -> bool {
        !self.is_busy() && !self.end.is_given()
    }

    /// How many requests were begun.
    pub(super) fn requests(&self) -> u64 {
        self.requests_begun.load(Ordering::Relaxed)
    }

    fn note(&self, at: Instant) {
        let micros = at.saturating_duration_since(self.opened).as_micros();
        self.last_event_micros.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When a request last began or ended; when the connection was opened where none did.
    pub(super) fn last_event(&self) -> Instant {
        self.opened + Duration::from_micros(self.last_event_micros.load(Ordering::Relaxed))
    }

    /// Notes what is wrong with the body of the request under way, which is the connection's last.
    pub(super) fn break_body(&self, refusal: Refusal) {
        let _ = self.broken.set(refusal);
    }

    /// What is wrong with the body of the request under way.
    pub(super) fn broken_body(&self) -> Option<Refusal> {
        self.broken.get().copied()
    }

    /// The client is let go for want of room.
    pub(super) fn let_go(&self) {
        self.let_go.store(true, Ordering::Relaxed);
    }

    /// Whether the client was let go for want of room.
    pub(super) fn was_let_go(&self) -> bool {
        self.let_go.load(Ordering::Relaxed)
    }

    /// The connection must end with a reset: an orderly end would make a body cut short look complete.
    pub(super) fn reset_on_close(&self) {
        self.reset_on_close.store(true, Ordering::Relaxed);
    }

    /// Whether the connection must end with a reset.
    pub(super) fn must_reset(&self) -> bool {
        self.reset_on_close.load(Ordering::Relaxed)
    }

    /// Notes what went over the socket, both in bytes.
    pub(super) fn note_bytes(&self, read: u64, written: u64) {
        self.bytes_read.store(read, Ordering::Relaxed);
        self.bytes_written.store(written, Ordering::Relaxed);
    }

    /// What went over the socket once it is closed: bytes read, bytes written.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.bytes_read.load(Ordering::Relaxed), self.bytes_written.load(Ordering::Relaxed))
    }
}
