//! The answering half of the wrapper: plain hits, from the buffer to the socket.

use super::reading::Filled;
use super::written::is_cut_off;
use super::{Gate, Hyper, Wire};
use crate::engine::Handler;
use crate::proxy::fast_path::Parts;
use crate::proxy::observer::Ending;
use crate::proxy::socket::Socket;
use bytes::Buf;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A connection before hyper has it: as long as all that is asked for is plain hits, hyper is spared.
pub(in crate::proxy) struct PlainHits<'w, T: Socket, H: Handler> {
    pub(in crate::proxy) wire: &'w mut Wire<T, H>,
    pub(in crate::proxy) turn: Turn,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Turn {
    /// Plain hits may go on.
    PlainHits,
    /// hyper is to take over: the server ends.
    Hyper,
}

impl<T: Socket, H: Handler> Future for PlainHits<'_, T, H> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.turn {
            Turn::PlainHits => self.wire.poll_only_plain_hits(cx),
            Turn::Hyper => Poll::Ready(Ok(())),
        }
    }
}

impl<T: Socket, H: Handler> Wire<T, H> {
    /// Answers the plain hits that the buffer begins with, one after another, until it begins with something else.
    pub(super) fn poll_plain_hits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_outgoing(cx))?;
            let may_answer = self.hyper == Hyper::Idle
                && self.gate == Gate::Guarded
                && !self.buffer.is_empty()
                && self.guard.is_between_messages();
            let Some(fast_path) = self.fast_path.as_mut().filter(|_| may_answer) else { return Poll::Ready(Ok(())) };
            let Some(outgoing) = fast_path.begin(&self.buffer, &self.limits.head, &self.conversation) else {
                return Poll::Ready(Ok(()));
            };
            self.read_deadline = None;
            self.outgoing = Some(outgoing);
        }
    }

    /// Reads requests and answers the plain hits among them, until there is something else for hyper to do.
    fn poll_only_plain_hits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_plain_hits(cx))?;
            if !self.buffer.is_empty() || self.gate != Gate::Guarded {
                return Poll::Ready(Ok(()));
            }
            if let Filled::End = ready!(self.fill(cx))? {
                self.gate = Gate::Ended;
            }
        }
    }

    /// Finishes the answer under way, if there is one.
    pub(super) fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Ok(())) };
        let mut sent = ready!(outgoing.poll_send(|parts| {
            let socket = Pin::new(&mut self.socket);
            let polled = match parts {
                Parts::One(bytes) => socket.poll_write(cx, bytes),
                Parts::Two(parts) => socket.poll_write_vectored(cx, parts),
            };
            self.written.note(cx, polled, self.socket.sent())
        }));
        if sent.is_ok() {
            sent = ready!(self.poll_flush_socket(cx));
        }
        self.end_outgoing(match &sent {
            Ok(()) => Ending::Complete,
            Err(error) if is_cut_off(error) => Ending::CutOff,
            Err(_) => Ending::ClientGone,
        });
        Poll::Ready(sent)
    }

    /// Tells of the answer under way, if there is one, and lets its request go.
    pub(super) fn end_outgoing(&mut self, ending: Ending) {
        let (Some(outgoing), Some(fast_path)) = (&self.outgoing, &self.fast_path) else { return };
        fast_path.end(outgoing, &self.buffer, ending, &self.conversation);
        self.buffer.advance(outgoing.request_bytes().min(self.buffer.len()));
        self.outgoing = None;
    }
}
