//! The client's end of a tunnel, which counts what is written to it and follows the frames where it is a WebSocket.

use super::websocket::{Frames, Place};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module.
#[derive(Debug)]
pub(super) struct ClientEnd<T> {
    inner: T,
    bytes_written: u64,
    /// `None` if the protocol has no frames that are known here.
    frames: Option<Frames>,
}

impl<T> ClientEnd<T> {
    /// The end of a client that now speaks `protocol`.
    pub(super) fn new(inner: T, protocol: &[u8]) -> Self {
        let frames = protocol.eq_ignore_ascii_case(b"websocket").then(Frames::default);
        Self { inner, bytes_written: 0, frames }
    }

    /// Whether a frame may be put in here.
    pub(super) fn takes_a_frame(&self) -> bool {
        self.frames.as_ref().is_some_and(|frames| frames.place() == Place::Between)
    }

    /// How much was written.
    pub(super) const fn bytes_written(&self) -> u64 {
        self.bytes_written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ClientEnd<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ClientEnd<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.bytes_written += written as u64;
        if let Some(frames) = &mut self.frames {
            frames.pass(&bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
