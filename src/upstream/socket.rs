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
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};

/// The most that is read at a time: hyper's buffer grows with what it is given, and of a body that nobody takes a whole
/// buffer is held.
const READ_BYTES_MAX: usize = 64 * 1024;

/// How long a connection is quiet before the kernel asks whether the other end is still there: an event stream or an
/// upgraded connection may be quiet for as long as it likes.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long after a failed write the other end's last words are read. It may have answered before it closed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Arc<Stream>,
    broken: Option<Broken>,
}

/// Nothing more can be written, which is not told as long as something may be there to be read: told of a failed write,
/// hyper would read no more, and an answer that came before the end of the request would be lost.
#[derive(Debug)]
struct Broken {
    kind: io::ErrorKind,
    patience: Pin<Box<Sleep>>,
}

/// What the system has of it.
#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($whole:expr, $stream:ident => $call:expr) => {
        match &*$whole {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

impl Stream {
    fn as_socket(&self) -> SockRef<'_> {
        either!(self, stream => SockRef::from(stream))
    }
}

/// A look at a connection, which does not keep it open.
#[derive(Debug)]
pub(super) struct Glance(Weak<Stream>);

/// What the kernel has of a connection that waits to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing: it is open, as far as can be known here.
    Quiet,
    /// Its end, or bytes that nobody asked for.
    Spent,
}

impl Socket {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 3);
        SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
        Ok(Self { stream: Arc::new(Stream::Tcp(stream)), broken: None })
    }

    pub(super) fn unix(stream: UnixStream) -> Self {
        Self { stream: Arc::new(Stream::Unix(stream)), broken: None }
    }

    pub(super) fn glance(&self) -> Glance {
        Glance(Arc::downgrade(&self.stream))
    }
}

impl Glance {
    /// Looks without waiting and without taking anything.
    pub(super) fn look(&self) -> Sight {
        let Some(stream) = self.0.upgrade() else { return Sight::Spent };
        match stream.as_socket().peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sight::Quiet,
            _ => Sight::Spent,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(either!(self.stream, stream => stream.poll_read_ready(context)))?;
            let read = if buffer.remaining() > READ_BYTES_MAX {
                let unfilled = buffer.initialize_unfilled_to(READ_BYTES_MAX);
                let read = either!(self.stream, stream => stream.try_read(unfilled));
                read.map(|read| buffer.advance(read))
            } else {
                either!(self.stream, stream => stream.try_read_buf(buffer)).map(drop)
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
        &mut self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&Stream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        while self.broken.is_none() {
            ready!(either!(self.stream, stream => stream.poll_write_ready(context)))?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                    self.broken = Some(Broken { kind: error.kind(), patience: Box::pin(sleep(LAST_WORDS)) });
                    // Whoever reads has perhaps looked before the other end closed.
                    context.waker().wake_by_ref();
                }
                written => return Poll::Ready(written),
            }
        }
        let Some(broken) = &mut self.broken else { return Poll::Pending };
        broken.patience.as_mut().poll(context).map(|()| Err(broken.kind.into()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |stream| either!(stream, stream => stream.try_write(bytes)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(context, |stream| either!(stream, stream => stream.try_write_vectored(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever has been told that the other end is gone need not hear it again.
        let _ = self.stream.as_socket().shutdown(Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}
