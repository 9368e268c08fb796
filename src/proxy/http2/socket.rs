//! A client's socket under the library: it reports when something has come, and reads on where its client is still
//! sending.

use super::pulse::Heard;
use crate::proxy::socket::Socket;
use crate::proxy::wire::{READ_BYTES, Wire};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long, and for how many bytes, a closing connection reads on where its client is still sending: closing with unread
/// bytes would be a reset, which may take away what was said last.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// See the module.
pub(super) struct Http2Socket<T: Socket> {
    wire: Wire<T>,
    heard: Heard,
    lingers: Option<Linger>,
}

/// A closing connection that is still read from.
struct Linger {
    until: Pin<Box<tokio::time::Sleep>>,
    bytes: usize,
}

impl<T: Socket> Http2Socket<T> {
    /// Over this wire.
    pub(super) const fn new(wire: Wire<T>, heard: Heard) -> Self {
        Self { wire, heard, lingers: None }
    }

    /// Reads on where something has come that nobody will read.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut room = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut room);
            let polled = Pin::new(&mut self.wire).poll_read(cx, &mut buffer);
            let bytes = buffer.filled().len();
            match (polled, &mut self.lingers) {
                (Poll::Ready(Ok(())), lingers) if bytes > 0 => {
                    let until = || Box::pin(tokio::time::sleep(LINGER));
                    let linger = lingers.get_or_insert_with(|| Linger { until: until(), bytes: 0 });
                    linger.bytes += bytes;
                    if linger.bytes > LINGER_BYTES_MAX {
                        return Poll::Ready(Ok(()));
                    }
                }
                (Poll::Pending, Some(linger)) => return linger.until.as_mut().poll(cx).map(Ok),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T: Socket> AsyncRead for Http2Socket<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.wire).poll_read(cx, into))?;
        this.heard.note();
        Poll::Ready(Ok(()))
    }
}

impl<T: Socket> AsyncWrite for Http2Socket<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.wire).poll_shutdown(cx))?;
        this.poll_linger(cx)
    }
}
