//! The sending half of a stream. What waits here is one piece and its frame's head, until the client's window has room.

use super::code::Code;
use super::frames::{HEADERS, data_head, frame};
use super::qpack::{encode_response, encode_trailers};
use crate::proxy::streams::answering::{Gone, Sink, Then};
use bytes::Bytes;
use http::{HeaderMap, Response};
use quinn::{SendStream, StoppedError, VarInt};
use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// The longest piece that is sent at once.
const PIECE_BYTES_MAX: usize = 64 * 1024;

type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send + Sync>>;

/// See the module.
pub(super) struct Outgoing {
    stream: SendStream,
    waiting: VecDeque<Bytes>,
    end: End,
    /// `None` once it is known what becomes of the stream.
    stopped: Option<Stopped>,
    is_taken_back: bool,
}

/// How far a stream is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    /// What waits is the last.
    Waits,
    /// It was given to the transport, or the stream was reset.
    Over,
}

impl Outgoing {
    /// Of a stream of which nothing was sent.
    pub(super) fn new(stream: SendStream) -> Self {
        let stopped: Stopped = Box::pin(stream.stopped());
        Self { stream, waiting: VecDeque::new(), end: End::Open, stopped: Some(stopped), is_taken_back: false }
    }

    /// Sends these bytes as they are, once there is room.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.waiting.push_back(bytes);
    }

    /// Whether something waits for room.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends a head.
    pub(super) fn push_head(&mut self, head: &Response<()>) {
        self.push(frame(HEADERS, &encode_response(head.status(), head.headers())));
    }

    /// What was pushed is all.
    pub(super) fn end(&mut self) {
        if self.end == End::Open {
            self.end = End::Waits;
        }
    }

    /// Takes the stream away from the client.
    pub(super) fn abandon(&mut self, code: Code) {
        if self.end != End::Over {
            self.end = End::Over;
            self.waiting.clear();
            // It fails only where the stream is over.
            let _ = self.stream.reset(code.number());
        }
    }

    /// Writes as much as there is room for.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        while !self.waiting.is_empty() {
            let written = pin!(self.stream.write_chunks(self.waiting.make_contiguous())).poll(cx);
            if ready!(written).is_err() {
                self.is_taken_back = true;
                return Poll::Ready(Err(Gone));
            }
            while self.waiting.front().is_some_and(Bytes::is_empty) {
                self.waiting.pop_front();
            }
        }
        if self.end == End::Waits {
            self.end = End::Over;
            self.stream.finish().map_err(|_| Gone)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Sink for Outgoing {
    fn poll_room(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        if self.poll_taken_back(cx).is_ready() {
            return Poll::Ready(Err(Gone));
        }
        if self.waits() { Poll::Pending } else { Poll::Ready(Ok(wanted.min(PIECE_BYTES_MAX))) }
    }

    fn send_data(&mut self, piece: Bytes, then: Then) -> Result<(), Gone> {
        if !piece.is_empty() {
            self.push(data_head(piece.len()));
            self.push(piece);
        }
        if then == Then::End {
            self.end();
        }
        Ok(())
    }

    fn send_trailers(&mut self, trailers: HeaderMap) {
        self.push(frame(HEADERS, &encode_trailers(&trailers)));
        self.end();
    }

    fn poll_taken_back(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = self.poll_write(cx);
        if let Some(stopped) = &mut self.stopped
            && let Poll::Ready(stopped) = stopped.as_mut().poll(cx)
        {
            // None: all of it has arrived.
            self.is_taken_back |= !matches!(stopped, Ok(None));
            self.stopped = None;
        }
        if self.is_taken_back { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.poll_taken_back(cx).is_ready() {
            return Poll::Ready(Err(Gone));
        }
        if self.waits() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn reset(&mut self) {
        self.abandon(Code::InternalError);
    }
}

/// The transport would end the stream in order, and what is cut short would look complete.
impl Drop for Outgoing {
    fn drop(&mut self) {
        self.abandon(Code::RequestCancelled);
    }
}
