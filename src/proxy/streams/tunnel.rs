//! A stream as a byte stream both ways, once a CONNECT has been agreed on.

use super::answering::{Sink, Then};
use crate::engine::origin::BodyError;
use crate::proxy::stream_progress::Progress;
use bytes::{Buf, Bytes};
use http_body::Body;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client's end. That it sends nothing is its own affair; that it takes nothing ends the stream after a while.
pub(super) struct StreamEnd<B, S> {
    from: B,
    read: Bytes,
    to: S,
    progress: Arc<Progress>,
    /// Whether a piece waits for the client to take what is before it.
    waits_for_room: bool,
}

impl<B, S> StreamEnd<B, S> {
    /// Of these two directions.
    pub(super) fn new(from: B, to: S, progress: Arc<Progress>) -> Self {
        Self { from, read: Bytes::new(), to, progress, waits_for_room: false }
    }
}

impl<B, S> AsyncRead for StreamEnd<B, S>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
    S: Sink,
{
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.read.is_empty() {
            match Pin::new(&mut self.from).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.read = frame.into_data().unwrap_or_default(),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                // The head of the answer, too, waits for someone to send it.
                Poll::Pending => match self.as_mut().poll_flush(cx) {
                    Poll::Ready(Err(gone)) => return Poll::Ready(Err(gone)),
                    Poll::Ready(Ok(())) | Poll::Pending => return Poll::Pending,
                },
            }
        }
        let bytes = self.read.len().min(into.remaining());
        into.put_slice(&self.read[..bytes]);
        self.read.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<B: Unpin, S: Sink> AsyncWrite for StreamEnd<B, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let room = this.progress.while_taking(this.to.poll_room(bytes.len(), cx));
        this.waits_for_room = room.is_pending();
        let room = ready!(room).map_err(|_| io::ErrorKind::BrokenPipe)?;
        let piece = Bytes::copy_from_slice(&bytes[..room.min(bytes.len())]);
        let written = piece.len();
        this.to.send_data(piece, Then::More).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut flushed = this.to.poll_flush(cx);
        // That nothing is left to flush says nothing of a piece that has found no room.
        if !this.waits_for_room {
            flushed = this.progress.while_taking(flushed);
        }
        flushed.map(|flushed| flushed.map_err(|_| io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.to.send_data(Bytes::new(), Then::End).map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.poll_flush(cx)
    }
}
