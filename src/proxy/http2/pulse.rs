//! Whether a client that says nothing is still there, and whether one that says too much may go on.

use crate::alarm::Alarm;
use h2::{Ping, PingPong, Reason};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may be silent before it is asked, and how long the answer may take.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// What has come from the client. Told by the socket.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Signs>);

#[derive(Debug, Default)]
struct Signs {
    life: AtomicBool,
    flood: AtomicBool,
}

impl Heard {
    /// Something has come.
    pub(super) fn note(&self) {
        self.0.life.store(true, Ordering::Relaxed);
    }

    /// It is a flood.
    pub(super) fn note_flood(&self) {
        self.0.flood.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.life.swap(false, Ordering::Relaxed)
    }

    /// Whether it is a flood.
    pub(super) fn is_flood(&self) -> bool {
        self.0.flood.load(Ordering::Relaxed)
    }
}

/// Asks a silent client for a sign of life.
pub(super) struct Pulse {
    pings: Option<PingPong>,
    heard: Heard,
    alarm: Alarm,
    due: Instant,
    is_asked: bool,
    is_over: bool,
}

impl Pulse {
    /// Of a connection that begins now.
    pub(super) fn new(pings: Option<PingPong>, heard: Heard) -> Self {
        Self {
            pings,
            heard,
            alarm: Alarm::default(),
            due: Instant::now() + SILENCE_MAX,
            is_asked: false,
            is_over: false,
        }
    }

    /// Ready, once, where the client is gone or has to go, with the code that the connection ends with.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        if self.is_over {
            return Poll::Pending;
        }
        let gone = self.poll_signs(cx);
        self.is_over = gone.is_ready();
        gone
    }

    fn poll_signs(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        if self.heard.is_flood() {
            return Poll::Ready(Reason::ENHANCE_YOUR_CALM);
        }
        let Some(pings) = &mut self.pings else { return Poll::Pending };
        if self.is_asked && pings.poll_pong(cx).is_ready() {
            self.is_asked = false;
        }
        while self.alarm.poll(cx, self.due).is_ready() {
            if !self.heard.take() {
                if self.is_asked {
                    return Poll::Ready(Reason::NO_ERROR);
                }
                // It fails only where the connection has ended, which whoever drives it finds out.
                self.is_asked = pings.send_ping(Ping::opaque()).is_ok();
            }
            self.due = Instant::now() + SILENCE_MAX;
        }
        Poll::Pending
    }
}
