//! What of the answers has gone to the socket, and whether the client still takes any of it.

use crate::proxy::alarm::Alarm;
use std::io;
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
}

impl Written {
    /// Nothing so far; a write that waits for longer than `stall_timeout` fails.
    pub(super) fn new(stall_timeout: Duration) -> Self {
        Self { bytes: 0, stall_timeout, alarm: Alarm::default(), deadline: None }
    }

    /// How many bytes were written.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes what a write came to. One that has to wait becomes an error once the client has taken nothing for too
    /// long.
    pub(super) fn note(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = write {
            self.deadline = None;
            let written = result?;
            self.bytes += written as u64;
            return Poll::Ready(Ok(written));
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.stall_timeout);
        ready!(self.alarm.poll(cx, deadline));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}
