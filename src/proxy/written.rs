//! What of the answers has gone to the socket, and whether the client still takes any of it.

use crate::alarm::Alarm;
use crate::in_flight::{CutOff, InFlight, STALL_NOTED_AFTER, Stall};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// Counts what is written, and ends a write that the client lets stall.
#[derive(Debug)]
pub(super) struct Written {
    bytes: u64,
    stall_timeout: Duration,
    alarm: Alarm,
    deadline: Option<Instant>,
    in_flight: Option<Arc<InFlight>>,
    /// Noted once the client has taken nothing for a while.
    stall: Option<Stall>,
    /// What the socket had sent when it last had to wait.
    sent: u64,
}

impl Written {
    /// Nothing so far; a write that waits for longer than `stall_timeout` fails, and earlier where `in_flight` has no
    /// room.
    pub(super) fn new(stall_timeout: Duration, in_flight: Option<Arc<InFlight>>) -> Self {
        Self { bytes: 0, stall_timeout, alarm: Alarm::default(), deadline: None, in_flight, stall: None, sent: 0 }
    }

    /// From now on a write may wait for so long.
    pub(super) const fn stall_after(&mut self, stall_timeout: Duration) {
        self.stall_timeout = stall_timeout;
    }

    /// How many bytes were written.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes what a write came to, when the socket has sent so much (see [`super::socket::Socket::sent`]). One that
    /// has to wait becomes an error once the client has taken nothing for too long.
    pub(super) fn note(
        &mut self,
        cx: &mut Context<'_>,
        write: Poll<io::Result<usize>>,
        sent: u64,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = write {
            self.deadline = None;
            self.stall = None;
            let written = result?;
            self.bytes += written as u64;
            return Poll::Ready(Ok(written));
        }
        self.poll_stall(cx, sent)
    }

    /// Notes what sending the rest of what was written came to, in the same way.
    pub(super) fn note_end(
        &mut self,
        cx: &mut Context<'_>,
        end: Poll<io::Result<()>>,
        sent: u64,
    ) -> Poll<io::Result<()>> {
        if end.is_pending() {
            return self.poll_stall(cx, sent);
        }
        if self.deadline.is_some() {
            self.deadline = None;
            self.stall = None;
        }
        end
    }

    /// An error once the client has taken nothing for too long.
    fn poll_stall<T>(&mut self, cx: &mut Context<'_>, sent: u64) -> Poll<io::Result<T>> {
        if self.sent != sent {
            self.sent = sent;
            self.deadline = None;
            self.stall = None;
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.stall_timeout);
        ready!(self.poll_noted(cx, deadline));
        if let Some(stall) = &self.stall
            && stall.poll_let_go(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::other(CutOff)));
        }
        ready!(self.alarm.poll(cx, deadline));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }

    /// Ready once the client is noted as one that takes nothing, or never will be.
    fn poll_noted(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let (None, Some(in_flight)) = (&self.stall, &self.in_flight) else { return Poll::Ready(()) };
        let Some(left_then) = self.stall_timeout.checked_sub(STALL_NOTED_AFTER) else { return Poll::Ready(()) };
        ready!(self.alarm.poll(cx, deadline - left_then));
        self.stall = Some(in_flight.stalled());
        Poll::Ready(())
    }
}

/// Whether a write failed because its client was let go for want of room.
pub(super) fn is_cut_off(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<CutOff>)
}
