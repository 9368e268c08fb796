//! A stream as a byte stream both ways, once a CONNECT has been agreed on.

use super::progress::Progress;
use super::sending::poll_room;
use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client's end. That it sends nothing is its own affair; that it takes nothing ends the stream after a while.
pub(super) struct StreamEnd {
    from: RecvStream,
    read: Bytes,
    to: SendStream<Bytes>,
    progress: Arc<Progress>,
}

impl StreamEnd {
    /// Of these two directions.
    pub(super) fn new(from: RecvStream, to: SendStream<Bytes>, progress: Arc<Progress>) -> Self {
        Self { from, read: Bytes::new(), to, progress }
    }
}

impl AsyncRead for StreamEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.read.is_empty() {
            match ready!(self.from.poll_data(cx)) {
                Some(data) => {
                    self.read = data.map_err(io::Error::other)?;
                    // Fails only where the stream is over, which the next read says.
                    let bytes = self.read.len();
                    let _ = self.from.flow_control().release_capacity(bytes);
                }
                None => return Poll::Ready(Ok(())),
            }
        }
        let bytes = self.read.len().min(into.remaining());
        into.put_slice(&self.read[..bytes]);
        self.read.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StreamEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.to.reserve_capacity(bytes.len());
        let room = poll_room(&mut this.to, cx);
        if room.is_pending() {
            this.progress.awaits_taking();
        } else {
            this.progress.taken();
        }
        let Some(room) = ready!(room) else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let piece = Bytes::copy_from_slice(&bytes[..room.min(bytes.len())]);
        let written = piece.len();
        this.to.send_data(piece, false).map_err(io::Error::other)?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.to.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}
