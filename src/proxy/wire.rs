//! A client's socket with what was read from it and not used yet: counts what goes over it, and minds a client that takes
//! nothing.

use super::conversation::Conversation;
use super::in_buffer::{self, READ_BYTES};
use super::socket::Socket;
use super::written::{Written, is_cut_off};
use bytes::{Buf, BytesMut};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The socket of one connection.
#[derive(Debug)]
pub(super) struct Wire<T: Socket> {
    socket: T,
    /// What was read and not used yet; without room where there is nothing.
    pub(super) buffer: BytesMut,
    /// Whether a long body has made the buffer larger than heads need it.
    is_grown: bool,
    written: Written,
    bytes_read: u64,
    conversation: Arc<Conversation>,
}

impl<T: Socket> Wire<T> {
    /// A socket from which `buffer` was read. A write that its client lets wait for longer than `stall_timeout` fails.
    pub(super) fn new(socket: T, buffer: BytesMut, conversation: Arc<Conversation>, stall_timeout: Duration) -> Self {
        let written = Written::new(stall_timeout, conversation.in_flight.clone());
        Self { socket, bytes_read: buffer.len() as u64, buffer, is_grown: false, written, conversation }
    }

    /// From now on a client may let a write wait for so long.
    pub(super) const fn stall_after(&mut self, stall_timeout: Duration) {
        self.written.stall_after(stall_timeout);
    }

    /// Reads more into the buffer, at most about `wanted` bytes; how many, 0 at the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        self.is_grown |= wanted > READ_BYTES;
        let read = ready!(in_buffer::poll_read(&mut self.socket, cx, &mut self.buffer, wanted))?;
        self.bytes_read += read as u64;
        Poll::Ready(Ok(read))
    }

    /// Lets go of what a long body has made of the buffer.
    pub(super) fn shrink(&mut self) {
        if std::mem::take(&mut self.is_grown) {
            self.buffer = BytesMut::from(self.buffer.as_ref());
        }
    }

    /// Notes what a write came to.
    fn noted(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let noted = self.written.note(cx, write, self.socket.sent());
        if let Poll::Ready(Err(error)) = &noted
            && is_cut_off(error)
        {
            self.conversation.let_go();
        }
        noted
    }
}

impl<T: Socket> AsyncRead for Wire<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.buffer.is_empty() {
            let bytes = this.buffer.len().min(into.remaining());
            into.put_slice(this.buffer.get(..bytes).unwrap_or_default());
            this.buffer.advance(bytes);
            if this.buffer.is_empty() {
                this.buffer = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(cx, into))?;
        this.bytes_read += (into.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<T: Socket> AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.noted(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(cx, parts);
        this.noted(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// Has the socket send what it holds back: TLS takes more than the client does.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(cx);
        this.written.note_end(cx, polled, this.socket.sent())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_shutdown(cx);
        this.written.note_end(cx, polled, this.socket.sent())
    }
}

impl<T: Socket> Drop for Wire<T> {
    fn drop(&mut self) {
        in_buffer::give_back(std::mem::take(&mut self.buffer));
        self.conversation.note_bytes(self.bytes_read, self.written.bytes());
        if self.conversation.must_reset() {
            self.socket.reset_on_close();
        }
    }
}
