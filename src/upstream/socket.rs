//! A connection's socket, which hyper's task owns and which can be looked at from outside.

use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The most that is read at a time: hyper's buffer grows with what it is given, and of a body that nobody takes a whole
/// buffer is held.
const READ_BYTES_MAX: usize = 64 * 1024;

/// How long a connection is quiet before the kernel asks whether the other end is still there: an event stream or an
/// upgraded connection may be quiet for as long as it likes.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Socket(Arc<TcpStream>);

/// A look at a connection, which does not keep it open.
#[derive(Debug)]
pub(super) struct Glance(Weak<TcpStream>);

/// What the kernel has of a connection that waits to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing: it is open, as far as can be known here.
    Quiet,
    /// Its end, or bytes that nobody asked for.
    Spent,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 3);
        SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
        Ok(Self(Arc::new(stream)))
    }

    pub(super) fn glance(&self) -> Glance {
        Glance(Arc::downgrade(&self.0))
    }
}

impl Glance {
    /// Looks without waiting and without taking anything.
    pub(super) fn look(&self) -> Sight {
        let Some(stream) = self.0.upgrade() else { return Sight::Spent };
        match SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sight::Quiet,
            _ => Sight::Spent,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            let read = if buffer.remaining() > READ_BYTES_MAX {
                let read = self.0.try_read(buffer.initialize_unfilled_to(READ_BYTES_MAX));
                read.map(|read| buffer.advance(read))
            } else {
                self.0.try_read_buf(buffer).map(drop)
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

impl Socket {
    fn poll_writing(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever has been told that the other end is gone need not hear it again.
        let _ = SockRef::from(&*self.0).shutdown(Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}
