//! The wrapper around a client's socket, under hyper.
//!
//! What is read stands in one buffer; the guard follows it, and only what it has passed is copied into hyper's own.
//! A plain hit is answered from here ([`super::fast_path`]), without hyper: while hyper is idle, and its own answers are
//! written, the buffer begins with the next request.
//!
//! A refused request is replaced by a small one that asks to close the connection, so that the refusal's answer keeps
//! its place behind the answers to earlier requests; the service answers it by its number and no handler is asked.

pub(super) mod answering;
mod reading;
mod written;

use super::conversation::Conversation;
use super::fast_path::{FastPath, Outgoing};
use super::guard::Guard;
use super::guard::head::HeadLimits;
use super::observer::Ending;
use super::options::ProxyOptions;
use super::refusal::Refusal;
use super::socket::Socket;
use crate::alarm::Alarm;
use crate::engine::Handler;
use bytes::{Bytes, BytesMut};
use hyper::rt::Write;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use written::Written;

/// How long the wrapper waits, and for how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct WireLimits {
    /// Of a request's head.
    pub(super) head: HeadLimits,
    /// From the first byte of a head to its last.
    pub(super) header_read_timeout: Duration,
    /// Between two requests.
    pub(super) idle_timeout: Duration,
    /// Between two pieces of a request's body, and between two of a response.
    pub(super) stall_timeout: Duration,
}

/// What becomes of the bytes that the client sends next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// The guard follows them.
    Guarded,
    /// They wait until it is known whether they still are HTTP/1.
    Held,
    /// They are something else: HTTP/2, or what was upgraded to. The guard is out of it.
    Raw,
    /// Nothing more is read: the refused request's replacement was handed up.
    Refused,
    /// The body under way broke: its reader gets an error.
    Broken(Refusal),
    /// The client has ended, or was idle for too long.
    Ended,
}

/// Whether hyper stands between two messages, as far as its socket can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hyper {
    /// It has no request, and all of its answers are written.
    Idle,
    /// A request was handed up, and its answer is not known to be written.
    Busy,
}

impl From<&ProxyOptions> for WireLimits {
    fn from(options: &ProxyOptions) -> Self {
        let head = HeadLimits {
            head_bytes: options.header_bytes_max,
            fields: options.headers_max,
            target_bytes: options.uri_bytes_max,
        };
        let ProxyOptions { header_read_timeout, idle_timeout, stall_timeout, .. } = *options;
        Self { head, header_read_timeout, idle_timeout, stall_timeout }
    }
}

/// The wrapper.
#[derive(Debug)]
pub(super) struct Wire<T: Socket, H: Handler> {
    socket: T,
    /// None where the client speaks HTTP/2.
    fast_path: Option<FastPath<H>>,
    outgoing: Option<Outgoing>,
    hyper: Hyper,
    conversation: Arc<Conversation>,
    limits: WireLimits,
    gate: Gate,
    guard: Guard,
    buffer: BytesMut,
    /// How many bytes at the buffer's start may be handed up.
    passed: usize,
    hold_after_message: bool,
    read_alarm: Alarm,
    read_deadline: Option<Instant>,
    written: Written,
    interim: Bytes,
    bytes_read: u64,
    linger_deadline: Option<Instant>,
}

impl<T: Socket, H: Handler> Wire<T, H> {
    /// A wrapper that guards HTTP/1 and answers plain hits, with what was already read.
    pub(super) fn guarded(
        socket: T,
        read: BytesMut,
        conversation: Arc<Conversation>,
        limits: WireLimits,
        fast_path: FastPath<H>,
    ) -> Self {
        let mut wire = Self::new(socket, read, conversation, limits, Gate::Guarded);
        wire.fast_path = Some(fast_path);
        wire
    }

    /// A wrapper that only counts and minds stalled writes, with what was already read.
    pub(super) fn raw(socket: T, read: BytesMut, conversation: Arc<Conversation>, limits: WireLimits) -> Self {
        Self::new(socket, read, conversation, limits, Gate::Raw)
    }

    fn new(socket: T, read: BytesMut, conversation: Arc<Conversation>, limits: WireLimits, gate: Gate) -> Self {
        Self {
            socket,
            fast_path: None,
            outgoing: None,
            hyper: Hyper::Idle,
            limits,
            gate,
            guard: Guard::new(limits.head),
            bytes_read: read.len() as u64,
            buffer: read,
            passed: 0,
            hold_after_message: false,
            read_alarm: Alarm::default(),
            read_deadline: None,
            written: Written::new(limits.stall_timeout, conversation.in_flight.clone()),
            conversation,
            interim: Bytes::new(),
            linger_deadline: None,
        }
    }

    /// Notes what a write came to.
    fn noted(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let noted = self.written.note(cx, write, self.socket.sent());
        if let Poll::Ready(Err(error)) = &noted
            && written::is_cut_off(error)
        {
            self.conversation.let_go();
        }
        noted
    }

    /// Has the socket send what it holds back: TLS takes more than the client does.
    fn poll_flush_socket(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.socket).poll_flush(cx);
        self.written.note_end(cx, polled, self.socket.sent())
    }

    /// Finishes an interim response that was begun.
    fn poll_begun_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            let rest = self.interim.clone();
            let polled = Pin::new(&mut self.socket).poll_write(cx, &rest);
            let written = ready!(self.written.note(cx, polled, self.socket.sent()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = self.interim.split_to(written.min(rest.len()));
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the interim responses that wait. Called only when hyper has written all of its own.
    fn poll_interims(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.conversation.interims.is_waiting() {
            ready!(self.poll_begun_interim(cx))?;
            match self.conversation.interims.next() {
                Some(message) => self.interim = message,
                None => cx.waker().wake_by_ref(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Socket, H: Handler> Write for Wire<T, H> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_begun_interim(cx))?;
        let polled = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.noted(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_begun_interim(cx))?;
        let polled = Pin::new(&mut this.socket).poll_write_vectored(cx, parts);
        this.noted(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_interims(cx))?;
        // hyper flushes only what it has written in full, so an answer that is over is on its way.
        if !this.conversation.is_busy() {
            this.hyper = Hyper::Idle;
        }
        this.poll_flush_socket(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        let polled = Pin::new(&mut this.socket).poll_shutdown(cx);
        ready!(this.written.note_end(cx, polled, this.socket.sent()))?;
        this.poll_linger(cx)
    }
}

impl<T: Socket, H: Handler> Drop for Wire<T, H> {
    fn drop(&mut self) {
        self.end_outgoing(Ending::ClientGone);
        self.conversation.note_bytes(self.bytes_read, self.written.bytes());
        if self.conversation.must_reset() {
            self.socket.reset_on_close();
        }
    }
}
