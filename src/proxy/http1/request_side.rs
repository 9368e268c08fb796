//! What the client still sends of the request under way, and whether it is there at all.

use super::body_reader::{BodyReader, Piece};
use super::head::{Expects, Framing, HeadLimits};
use super::upload::{Upload, Wish, upload};
use crate::alarm::Alarm;
use crate::engine::origin::{Body, empty_body};
use crate::proxy::conversation::Conversation;
use crate::proxy::in_buffer::READ_BYTES;
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use crate::proxy::wire::Wire;
use bytes::BytesMut;
use http_body_util::{BodyExt as _, Full};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// Room for one read of a long body.
const BODY_READ_BYTES: usize = 64 * 1024;

/// What is left of the request on the connection, once nothing more of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: the next byte is that of another message.
    Nothing,
    /// Some of it, or what can't be distinguished from it.
    Some,
    /// The client has ended within it.
    Ended,
}

/// A change in what the client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It waits to be asked for the body, which is wanted now: RFC 9110 section 10.1.1.
    ToBeAsked,
    /// Nothing more of the request is read.
    Over,
}

/// The request's side of an exchange.
#[derive(Debug)]
pub(super) struct RequestSide {
    /// None once nothing more of the request is read.
    under_way: Option<(Upload, BodyReader)>,
    rest: Rest,
    stall_timeout: Duration,
    deadline: Option<Instant>,
    alarm: Alarm,
}

impl RequestSide {
    /// Of a request without a body.
    pub(super) fn none() -> Self {
        Self::over(Rest::Nothing)
    }

    /// Of what is no request.
    pub(super) fn refused() -> Self {
        Self::over(Rest::Some)
    }

    fn over(rest: Rest) -> Self {
        Self { under_way: None, rest, stall_timeout: Duration::ZERO, deadline: None, alarm: Alarm::default() }
    }

    /// Of a request whose body follows with what `buffer` begins with, and that body as the handler gets it.
    ///
    /// # Errors
    /// Where what is there of the body is wrong already: nothing of the request has been handed on yet.
    pub(super) fn begin(
        framing: Framing,
        expects: Expects,
        buffer: &mut BytesMut,
        limits: &HeadLimits,
        stall_timeout: Duration,
    ) -> Result<(Self, Body), Refusal> {
        if framing == Framing::None {
            return Ok((Self::none(), empty_body()));
        }
        let mut reader = BodyReader::new(framing, limits);
        let length = reader.length();
        let first = reader.read(buffer)?;
        if reader.is_over() {
            let whole = Full::new(first.map(Piece::into_data).unwrap_or_default());
            return Ok((Self::over(Rest::Nothing), whole.map_err(|never| match never {}).boxed_unsync()));
        }
        let (upload, body) = upload(length, if first.is_some() { Expects::Nothing } else { expects });
        if let Some(piece) = first {
            upload.give(piece);
        }
        let under_way = Some((upload, reader));
        Ok((Self { under_way, stall_timeout, ..Self::over(Rest::Some) }, body.boxed_unsync()))
    }

    /// Whether nothing more of the request is read.
    pub(super) const fn is_over(&self) -> bool {
        self.under_way.is_none()
    }

    /// What is left of the request, once nothing more of it is read.
    pub(super) const fn rest(&self) -> Rest {
        self.rest
    }

    /// Whether the next message can be found, as far as is known yet. A body that was given up is thrown away where all of
    /// it is there; reading the rest of it for that could take for ever.
    pub(super) fn may_be_followed<T: Socket>(&mut self, wire: &mut Wire<T>) -> bool {
        if self.under_way.as_ref().is_some_and(|(upload, _)| upload.is_given_up()) {
            self.throw_away(&mut wire.buffer);
        }
        self.under_way.is_some() || self.rest == Rest::Nothing
    }

    /// Reads what is wished for of the body; after that, watches whether the client is still there.
    ///
    /// # Errors
    /// The socket's, and where the client leaves.
    pub(super) fn poll<T: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire<T>,
        conversation: &Conversation,
    ) -> Poll<io::Result<Change>> {
        loop {
            let Some((upload, reader)) = &mut self.under_way else {
                return self.poll_watch(cx, wire).map(Err);
            };
            match upload.wish(cx) {
                Wish::Nothing => return Poll::Pending,
                Wish::GivenUp => {
                    self.throw_away(&mut wire.buffer);
                    return Poll::Ready(Ok(Change::Over));
                }
                Wish::FirstPiece => {
                    upload.expects_nothing();
                    return Poll::Ready(Ok(Change::ToBeAsked));
                }
                Wish::Piece => {}
            }
            match reader.read(&mut wire.buffer) {
                Ok(Some(piece)) => upload.give(piece),
                Ok(None) if !reader.is_over() => {
                    if let Some(refusal) = ready!(self.poll_fill(cx, wire))? {
                        self.break_off(refusal, conversation);
                    }
                }
                Ok(None) => {}
                Err(refusal) => self.break_off(refusal, conversation),
            }
            if let Some((upload, _)) = self.under_way.take_if(|(_, reader)| reader.is_over()) {
                upload.end();
                self.rest = Rest::Nothing;
            }
            if self.under_way.is_none() {
                return Poll::Ready(Ok(Change::Over));
            }
        }
    }

    /// Reads more of the body from the socket, or finds that it has stopped.
    fn poll_fill<T: Socket>(&mut self, cx: &mut Context<'_>, wire: &mut Wire<T>) -> Poll<io::Result<Option<Refusal>>> {
        let left = self.under_way.as_ref().map_or(0, |(_, reader)| reader.data_left());
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).clamp(READ_BYTES, BODY_READ_BYTES);
        if let Poll::Ready(read) = wire.poll_fill(cx, wanted) {
            self.deadline = None;
            if read? == 0 {
                // Whoever reads the body learns that it was cut short.
                self.under_way = None;
                self.rest = Rest::Ended;
            }
            return Poll::Ready(Ok(None));
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.stall_timeout);
        ready!(self.alarm.poll(cx, deadline));
        Poll::Ready(Ok(Some(Refusal::BodyTimeout)))
    }

    /// Ends a body that was handed on in part: its reader gets an error, and so the origin a truncated message.
    fn break_off(&mut self, refusal: Refusal, conversation: &Conversation) {
        conversation.break_body(refusal);
        if let Some((upload, _)) = self.under_way.take() {
            upload.fail(io::Error::new(io::ErrorKind::InvalidData, refusal.explanation()).into());
        }
    }

    fn throw_away(&mut self, buffer: &mut BytesMut) {
        let Some((_, mut reader)) = self.under_way.take() else { return };
        while let Ok(Some(_)) = reader.read(buffer) {}
        self.rest = if reader.is_over() { Rest::Nothing } else { Rest::Some };
    }

    /// Ready once the client has left. One that has ended its side and waits for the answer can't be distinguished from
    /// that; one that has sent its next request is not looked at.
    fn poll_watch<T: Socket>(&self, cx: &mut Context<'_>, wire: &mut Wire<T>) -> Poll<io::Error> {
        if self.rest != Rest::Nothing || !wire.buffer.is_empty() {
            return Poll::Pending;
        }
        match ready!(wire.poll_fill(cx, READ_BYTES)) {
            Ok(0) => Poll::Ready(io::Error::new(io::ErrorKind::UnexpectedEof, "the client left")),
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }
}
