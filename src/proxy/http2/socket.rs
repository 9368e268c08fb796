//! A client's socket under the library: it reports when something has come and when too much of it is overhead, and reads on
//! where its client is still sending.

use super::gathering::{Gathering, Hold};
use super::overhead::{Overhead, OverheadMeter};
use super::pulse::Heard;
use crate::proxy::in_buffer::READ_BYTES;
use crate::proxy::socket::Socket;
use crate::proxy::wire::Wire;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How long, and for how many bytes, a closing connection reads on where its client is still sending: closing with unread
/// bytes would be a reset, which may take away what was said last.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// See the module.
pub(super) struct Http2Socket<T: Socket> {
    wire: Gathering<Wire<T>>,
    heard: Heard,
    overhead: OverheadMeter,
    lingers: Option<Linger>,
}

/// A closing connection that is still read from.
struct Linger {
    until: Pin<Box<tokio::time::Sleep>>,
    bytes: usize,
}

impl<T: Socket> Http2Socket<T> {
    /// Over this wire.
    pub(super) fn new(wire: Wire<T>, heard: Heard, hold: Hold) -> Self {
        Self { wire: Gathering::new(wire, hold), heard, overhead: OverheadMeter::new(Instant::now()), lingers: None }
    }

    /// Counts what a write came to.
    fn counted(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.overhead.wrote(*bytes);
        }
        written
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
        // The connection ends by this: what still comes is not read, let alone answered.
        if this.heard.is_flood() {
            return Poll::Pending;
        }
        let earlier = into.filled().len();
        ready!(Pin::new(&mut this.wire).poll_read(cx, into))?;
        this.heard.note();
        let read = into.filled().get(earlier..).unwrap_or_default();
        if this.overhead.read(read, Instant::now) == Overhead::Flood {
            this.heard.note_flood();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Socket> AsyncWrite for Http2Socket<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.wire).poll_write(cx, bytes);
        this.counted(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.wire).poll_write_vectored(cx, parts);
        this.counted(written)
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
