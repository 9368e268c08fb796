//! The reading half of the wrapper: from the socket through the guard into hyper's buffer.

use super::{Gate, Hyper, Wire};
use crate::engine::Handler;
use crate::proxy::conversation::{Refused, UpgradeState};
use crate::proxy::guard::head::Next;
use crate::proxy::guard::{Place, Step};
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use bytes::{Buf, BytesMut};
use hyper::rt::{Read, ReadBufCursor};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

/// What hyper reads in the place of a refused request.
const REPLACEMENT: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";
/// Room for one read of heads, which most fit into several times, and the least for one of bodies. Each connection
/// holds it as long as it stands.
const READ_BYTES: usize = 4 * 1024;
/// Room for one read of a long body.
const BODY_READ_BYTES: usize = 64 * 1024;
/// Bytes held back while a change of protocols is undecided.
const HELD_BYTES_MAX: usize = 64 * 1024;
/// How much of a refused request's first line is kept for the log.
const FIRST_LINE_BYTES: usize = 200;
/// How long, and for how many bytes, a closing connection reads on: closing with unread bytes would be a reset, which
/// may take the answer away before the client has read it (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// What waiting for bytes came to.
pub(super) enum Filled {
    /// The buffer holds more, or the gate has changed.
    More,
    /// The client has ended.
    End,
}

impl<T: Socket, H: Handler> Wire<T, H> {
    /// Moves the guard over what the buffer holds, at most to the end of one message: as long as nothing of a message
    /// has been handed up, whatever is wrong with it refuses it as a whole.
    fn scan(&mut self) {
        let mut taken = 0;
        let mut head_taken = false;
        loop {
            let rest = self.buffer.get(taken..).unwrap_or_default();
            match self.guard.inspect(rest) {
                Ok(Step::More) => break,
                Ok(Step::Skip(bytes)) => self.buffer.advance(bytes),
                Ok(Step::Head(head)) => {
                    taken += head.bytes;
                    head_taken = true;
                    self.read_deadline = None;
                    self.hold_after_message = head.next == Next::Upgrade;
                }
                Ok(Step::Body(bytes)) => taken += bytes,
                Err(refusal) if head_taken || self.guard.place() == Place::Head => return self.refuse(refusal),
                Err(refusal) => {
                    self.passed = taken;
                    return self.break_body(refusal);
                }
            }
            if taken > 0 && self.guard.place() == Place::Head {
                if self.hold_after_message {
                    self.gate = Gate::Held;
                }
                break;
            }
        }
        self.passed = taken;
        if head_taken {
            self.hyper = Hyper::Busy;
            let number = self.conversation.head_passed();
            if self.hold_after_message {
                *self.conversation.upgrade() = UpgradeState::Asked(number);
            }
        }
    }

    /// Puts the replacement in the place of the request at the buffer's start.
    fn refuse(&mut self, refusal: Refusal) {
        let line = self.buffer.as_ref().split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let shown = line.get(..FIRST_LINE_BYTES).unwrap_or(line);
        let first_line = String::from_utf8_lossy(shown).into();
        let number = self.conversation.head_passed();
        self.hyper = Hyper::Busy;
        self.conversation.refuse(Refused { number, refusal, first_line });
        self.buffer = BytesMut::from(REPLACEMENT);
        self.passed = REPLACEMENT.len();
        self.gate = Gate::Refused;
    }

    /// Ends a body whose head was handed up already: its reader gets an error, and so the origin a truncated message.
    fn break_body(&mut self, refusal: Refusal) {
        let number = self.conversation.heads();
        self.conversation.refuse(Refused { number, refusal, first_line: Box::default() });
        self.gate = Gate::Broken(refusal);
    }

    /// Reads from the socket, or finds that the time for it is over.
    pub(super) fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Filled>> {
        if self.gate == Gate::Held && self.buffer.len() >= HELD_BYTES_MAX {
            return Poll::Pending;
        }
        let wanted = match self.guard.place() {
            Place::Body(left) => usize::try_from(left).unwrap_or(usize::MAX).clamp(READ_BYTES, BODY_READ_BYTES),
            Place::Head => READ_BYTES,
        };
        if self.buffer.capacity() - self.buffer.len() < READ_BYTES / 2 {
            self.buffer.reserve(wanted);
        }
        let polled = pin!(self.socket.read_buf(&mut self.buffer)).poll(cx);
        if let Poll::Ready(result) = polled {
            let read = result?;
            self.bytes_read += read as u64;
            if self.guard.place() != Place::Head {
                self.read_deadline = None;
            }
            return Poll::Ready(Ok(if read == 0 { Filled::End } else { Filled::More }));
        }
        self.poll_read_deadline(cx)
    }

    /// Minds the time while there is nothing to read.
    fn poll_read_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Filled>> {
        if self.gate != Gate::Guarded {
            return Poll::Pending;
        }
        let place = self.guard.place();
        if place == Place::Head && self.buffer.is_empty() {
            return self.poll_idle(cx);
        }
        let timeout = if place == Place::Head { self.limits.header_read_timeout } else { self.limits.stall_timeout };
        let deadline = *self.read_deadline.get_or_insert_with(|| Instant::now() + timeout);
        ready!(self.read_alarm.poll(cx, deadline));
        if place == Place::Head {
            self.refuse(Refusal::HeadTimeout);
        } else {
            self.break_body(Refusal::BodyTimeout);
        }
        Poll::Ready(Ok(Filled::More))
    }

    /// Between two messages. The alarm is set while a request is still being answered, because hyper will not ask
    /// again once it is: the last event is close enough, and a clock need not be read.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Filled>> {
        let idle_timeout = self.limits.idle_timeout;
        ready!(self.read_alarm.poll(cx, self.conversation.last_event() + idle_timeout));
        if !self.conversation.is_busy() {
            return Poll::Ready(Ok(Filled::End));
        }
        ready!(self.read_alarm.poll(cx, Instant::now() + idle_timeout));
        Poll::Pending
    }

    /// Reads on for a while after the last byte was written, where the client may still be sending.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended_well = self.gate == Gate::Guarded && self.guard.place() == Place::Head && self.buffer.is_empty();
        let unheard = self.conversation.requests() == 0 && self.conversation.end.is_given();
        if ended_well || unheard || matches!(self.gate, Gate::Raw | Gate::Ended) {
            return Poll::Ready(Ok(()));
        }
        let deadline = *self.linger_deadline.get_or_insert_with(|| Instant::now() + LINGER);
        let mut discarded = 0;
        loop {
            self.buffer.clear();
            self.buffer.reserve(READ_BYTES);
            match pin!(self.socket.read_buf(&mut self.buffer)).poll(cx) {
                Poll::Ready(Ok(read)) if read > 0 && discarded < LINGER_BYTES_MAX => discarded += read,
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return self.read_alarm.poll(cx, deadline).map(Ok),
            }
        }
    }
}

impl<T: Socket, H: Handler> Read for Wire<T, H> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed == 0 && this.gate == Gate::Guarded {
                ready!(this.poll_plain_hits(cx))?;
                this.scan();
            }
            if this.passed > 0 {
                let bytes = this.passed.min(into.remaining());
                into.put_slice(this.buffer.get(..bytes).unwrap_or_default());
                this.buffer.advance(bytes);
                this.passed -= bytes;
                return Poll::Ready(Ok(()));
            }
            match this.gate {
                Gate::Guarded => {}
                Gate::Held => {
                    let state = *this.conversation.upgrade();
                    match state {
                        UpgradeState::Asked(_) => {}
                        UpgradeState::Switched => this.gate = Gate::Raw,
                        UpgradeState::NotAsked => this.gate = Gate::Guarded,
                    }
                    if this.gate != Gate::Held {
                        continue;
                    }
                }
                Gate::Raw if this.buffer.is_empty() => {}
                Gate::Raw => {
                    this.passed = this.buffer.len();
                    continue;
                }
                // The answer closes the connection; an end told now would cancel the requests under way.
                Gate::Refused => return Poll::Pending,
                Gate::Broken(refusal) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal.explanation())));
                }
                Gate::Ended => return Poll::Ready(Ok(())),
            }
            if let Filled::End = ready!(this.fill(cx))? {
                this.gate = Gate::Ended;
            }
        }
    }
}
