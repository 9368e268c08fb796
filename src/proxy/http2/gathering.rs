//! Frames that are made together leave together: one write, and over TLS one record, for the answers to all requests that
//! one read has brought. The library by itself writes each answer before it hands out the next request.

use crate::proxy::out_buffer;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So much is held back at most: what fits in one record of TLS (RFC 8446 section 5.1).
const HELD_BYTES_MAX: usize = 16 * 1024;

/// Whether writes are held back: the connection decides, its socket obeys.
#[derive(Debug, Clone, Default)]
pub(super) struct Hold(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    is_on: AtomicBool,
    has_held: AtomicBool,
}

impl Hold {
    /// From now on writes are held back, as far as there is room.
    pub(super) fn begin(&self) {
        self.0.is_on.store(true, Ordering::Relaxed);
    }

    /// Holds nothing back any more. Whether something was held back since this was last asked: it is written by the next flush.
    pub(super) fn end(&self) -> bool {
        self.0.is_on.store(false, Ordering::Relaxed);
        self.0.has_held.swap(false, Ordering::Relaxed)
    }

    fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Relaxed)
    }
}

/// A socket that holds small writes back while it is asked to.
#[derive(Debug)]
pub(super) struct Gathering<W> {
    socket: W,
    hold: Hold,
    held: Vec<u8>,
    /// How much of `held` was written.
    written: usize,
}

impl<W: AsyncWrite + Unpin> Gathering<W> {
    /// Over this socket.
    pub(super) const fn new(socket: W, hold: Hold) -> Self {
        Self { socket, hold, held: Vec::new(), written: 0 }
    }

    /// Holds all of it back if it may; whether it did.
    fn try_hold<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>, bytes: usize) -> bool {
        if !self.hold.is_on() || self.held.len() + bytes > HELD_BYTES_MAX {
            return false;
        }
        if self.held.capacity() == 0 {
            self.held = out_buffer::take();
        }
        parts.for_each(|part| self.held.extend_from_slice(part));
        self.hold.0.has_held.store(true, Ordering::Relaxed);
        true
    }

    /// Writes what is held back.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.held.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.written += bytes,
            }
        }
        self.written = 0;
        out_buffer::give_back(std::mem::take(&mut self.held));
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Gathering<W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, into)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Gathering<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.try_hold([bytes].into_iter(), bytes.len()) {
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_held(cx))?;
        if this.try_hold([bytes].into_iter(), bytes.len()) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut this.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = parts.iter().map(|part| part.len()).sum();
        if this.try_hold(parts.iter().map(|part| &**part), bytes) {
            return Poll::Ready(Ok(bytes));
        }
        ready!(this.poll_held(cx))?;
        if this.try_hold(parts.iter().map(|part| &**part), bytes) {
            return Poll::Ready(Ok(bytes));
        }
        Pin::new(&mut this.socket).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// Leaves what is held back where it is for as long as it may be.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.hold.is_on() && !this.held.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_held(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_held(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes `room` bytes, and notes each write.
    #[derive(Default)]
    struct Noting {
        writes: Vec<Vec<u8>>,
        room: usize,
    }

    impl AsyncWrite for Noting {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Poll::Pending;
            }
            self.room -= taken;
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn gathering(room: usize) -> (Gathering<Noting>, Hold, Context<'static>) {
        let hold = Hold::default();
        let socket = Noting { room, ..Noting::default() };
        (Gathering::new(socket, hold.clone()), hold, Context::from_waker(Waker::noop()))
    }

    fn write(socket: &mut Gathering<Noting>, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        match Pin::new(socket).poll_write(cx, bytes) {
            Poll::Ready(Ok(written)) => written,
            other => panic!("{other:?}"),
        }
    }

    fn flush(socket: &mut Gathering<Noting>, cx: &mut Context<'_>) -> bool {
        Pin::new(socket).poll_flush(cx).is_ready()
    }

    #[test]
    fn what_is_written_meanwhile_leaves_in_one_write_once_nothing_is_held_back_any_more() {
        let (mut socket, hold, mut cx) = gathering(usize::MAX);
        hold.begin();
        for part in [b"one ".as_slice(), b"two ", b"three"] {
            assert_eq!(write(&mut socket, &mut cx, part), part.len());
            assert!(flush(&mut socket, &mut cx));
        }
        assert!(socket.socket.writes.is_empty());
        assert!(hold.end(), "something was held back");
        assert!(flush(&mut socket, &mut cx));
        assert_eq!(socket.socket.writes, [b"one two three"]);
        assert!(!hold.end());
    }

    #[test]
    fn nothing_is_held_back_unasked() {
        let (mut socket, hold, mut cx) = gathering(usize::MAX);
        assert_eq!(write(&mut socket, &mut cx, b"one"), 3);
        assert_eq!(socket.socket.writes, [b"one"]);
        assert!(!hold.end());
    }

    #[test]
    fn order_is_kept_where_there_is_no_room() {
        let (mut socket, hold, mut cx) = gathering(usize::MAX);
        hold.begin();
        write(&mut socket, &mut cx, b"head");
        let long = vec![b'x'; HELD_BYTES_MAX + 1];
        assert_eq!(write(&mut socket, &mut cx, &long), long.len());
        assert_eq!(socket.socket.writes, [b"head".to_vec(), long]);
    }

    #[test]
    fn a_client_that_takes_nothing_is_waited_for_and_gets_all_of_it() {
        let (mut socket, hold, mut cx) = gathering(2);
        hold.begin();
        write(&mut socket, &mut cx, b"head");
        assert!(hold.end());
        assert!(!flush(&mut socket, &mut cx), "half of it is left");
        socket.socket.room = 9;
        assert!(flush(&mut socket, &mut cx));
        assert_eq!(socket.socket.writes.concat(), b"head");
    }

    #[test]
    fn what_is_held_back_is_written_before_the_end() {
        let (mut socket, hold, mut cx) = gathering(usize::MAX);
        hold.begin();
        write(&mut socket, &mut cx, b"goodbye");
        assert!(Pin::new(&mut socket).poll_shutdown(&mut cx).is_ready());
        assert_eq!(socket.socket.writes, [b"goodbye"]);
    }
}
