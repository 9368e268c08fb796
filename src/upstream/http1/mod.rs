//! HTTP/1.1 to a server: requests one after another over one connection.
//!
//! Whoever asks drives the connection: no task stands between. [`request_head`] and [`sending`] write a request, [`head`]
//! and [`reading`] take its answer apart, [`crate::semantics::chunks`] a body in chunks. Where an answer comes before its request has been
//! sent to the end, a task sends the rest, at the server's pace, however slowly the answer is read.

mod exchange;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod head;
mod io;
mod lines;
#[cfg(any(test, fuzzing))]
mod played;
mod reading;
mod request_head;
mod scratch;
mod sending;

pub(super) use head::{HeadError, HeadLimits};
pub(super) use io::Reuse;

use super::tls_failure::TlsFailure;
use super::transport::Transport;
use crate::engine::origin::BodyError;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use io::{Io, Stream};
use reading::{Following, Reading};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead as _, ReadBuf};

/// What a connection shows that waits to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing: it is open, as far as can be known here.
    Quiet,
    /// Its end, or bytes that nobody asked for.
    Spent,
}

/// One session. Dropped, it closes.
#[derive(Debug)]
pub(super) struct Http1<S = Transport> {
    io: Io<S>,
    limits: HeadLimits,
    /// The body of the answer under way.
    reading: Reading,
    /// Whether the server, or what it sent, ends the connection after this answer.
    persists: bool,
    /// How long the server keeps the connection, where it says so.
    kept_for: Option<Duration>,
}

impl<S: Stream> Http1<S> {
    pub(super) fn new(stream: S, limits: HeadLimits) -> Self {
        Self { io: Io::Whole(stream), limits, reading: Reading::nothing(), persists: true, kept_for: None }
    }

    /// How long the server keeps the connection, where the last answer says so.
    pub(super) const fn kept_for(&self) -> Option<Duration> {
        self.kept_for
    }

    /// The next of the answer's body.
    pub(super) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Err(cause) = self.io.poll_sent(context) {
            return Poll::Ready(Some(Err(cause)));
        }
        self.reading.poll_frame(context, &mut self.io)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.reading.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.reading.size_hint()
    }

    /// Whether it takes another request, after the answer.
    pub(super) fn reuse(&mut self) -> Reuse {
        if !self.persists || self.reading.following() == Following::Something || !self.reading.is_whole() {
            return Reuse::Never;
        }
        // While it waits it holds no buffer.
        self.reading = Reading::nothing();
        self.io.reuse()
    }

    /// Waits until the rest of the request has been sent. Whether another can be.
    pub(super) async fn sent(&mut self) -> Reuse {
        self.io.sent().await;
        self.reuse()
    }

    /// Looks at it between two requests, without waiting. The task is woken where there is something to be seen later.
    pub(super) fn poll_sight(&mut self, context: &mut Context<'_>) -> Sight {
        let mut byte = [0];
        match Pin::new(&mut self.io).poll_read(context, &mut ReadBuf::new(&mut byte)) {
            Poll::Pending => Sight::Quiet,
            Poll::Ready(_) => Sight::Spent,
        }
    }
}

impl Http1 {
    /// Why the server has ended TLS, if it has.
    pub(super) fn refused(&self) -> Option<TlsFailure> {
        self.io.whole().and_then(|transport| transport.refusal().failure())
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
