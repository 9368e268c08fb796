//! A session's connection: whole, or its reading half while a task sends the rest of a request.

use super::sending::{SendError, Sending};
use crate::engine::origin::BodyError;
use crate::engine::switched::Duplex;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// What a session is spoken over.
pub(in crate::upstream) trait Stream: Duplex + 'static {}

impl<S: Duplex + 'static> Stream for S {}

/// Whether a connection can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Reuse {
    Now,
    /// Once the rest of the request has been sent.
    Later,
    Never,
}

/// A session's connection.
#[derive(Debug)]
pub(super) enum Io<S> {
    Whole(S),
    /// The reading half; without a rest where the server took no more of it.
    Sending(ReadHalf<S>, Option<Rest<S>>),
    /// It was handed over, or broke.
    Gone,
}

/// What is left to be sent of a request; it is taken back with this.
#[derive(Debug)]
pub(super) struct Rest<S> {
    /// The other half, once everything has been sent; else why the body failed, or nothing where the server took no more.
    sent: oneshot::Receiver<Result<WriteHalf<S>, BodyError>>,
    task: AbortHandle,
}

impl<S> Drop for Rest<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<S: Stream> Io<S> {
    /// Its whole, if it has it.
    pub(super) const fn whole(&self) -> Option<&S> {
        match self {
            Self::Whole(stream) => Some(stream),
            Self::Sending(..) | Self::Gone => None,
        }
    }

    /// Takes the connection out of the session.
    pub(super) fn take(&mut self) -> Option<S> {
        match std::mem::replace(self, Self::Gone) {
            Self::Whole(stream) => Some(stream),
            Self::Sending(..) | Self::Gone => None,
        }
    }

    /// Has a task send what is left of a request.
    pub(super) fn send_apart(&mut self, mut sending: Sending) {
        let Some(stream) = self.take() else { return };
        let (read, mut write) = tokio::io::split(stream);
        let (tell, sent) = oneshot::channel();
        let task = tokio::spawn(async move {
            let told = match poll_fn(|context| sending.poll(context, &mut write)).await {
                Ok(()) => Ok(write),
                Err(SendError::Body(cause)) => Err(cause),
                // The answer may be there all the same.
                Err(SendError::Server(_)) => return,
            };
            // Nobody listens where the answer was given up.
            let _ = tell.send(told);
        });
        *self = Self::Sending(read, Some(Rest { sent, task: task.abort_handle() }));
    }

    /// Sees whether everything has been sent.
    ///
    /// # Errors
    /// Why the body failed.
    pub(super) fn poll_sent(&mut self, context: &mut Context<'_>) -> Result<(), BodyError> {
        let Self::Sending(_, Some(rest)) = self else { return Ok(()) };
        match Pin::new(&mut rest.sent).poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(told) => self.join(told.ok()),
        }
    }

    fn join(&mut self, told: Option<Result<WriteHalf<S>, BodyError>>) -> Result<(), BodyError> {
        match (std::mem::replace(self, Self::Gone), told) {
            (Self::Sending(read, _), Some(Ok(write))) => *self = Self::Whole(read.unsplit(write)),
            (Self::Sending(..), Some(Err(cause))) => return Err(cause),
            (Self::Sending(read, _), None) => *self = Self::Sending(read, None),
            (whole, _) => *self = whole,
        }
        Ok(())
    }

    /// Waits until everything has been sent.
    pub(super) async fn sent(&mut self) {
        if let Self::Sending(_, Some(rest)) = self {
            let told = (&mut rest.sent).await.ok();
            // Why it failed is of no interest after the answer.
            let _ = self.join(told);
        }
    }

    pub(super) fn reuse(&mut self) -> Reuse {
        if let Self::Sending(_, Some(rest)) = self {
            match rest.sent.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return Reuse::Later,
                told => drop(self.join(told.ok())),
            }
        }
        if self.whole().is_some() { Reuse::Now } else { Reuse::Never }
    }
}

impl<S: Stream> AsyncRead for Io<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Whole(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Sending(read, _) => Pin::new(read).poll_read(context, buffer),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}
