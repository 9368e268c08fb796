//! The socket beneath TLS, with a count of what went over it: TLS takes bytes before its client does, so only here is it
//! seen whether the client still takes any.

use crate::proxy::plain_socket::PlainSocket;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose written bytes are counted.
#[derive(Debug)]
pub(in crate::proxy) struct Counted {
    pub(in crate::proxy) socket: PlainSocket,
    pub(in crate::proxy) written: u64,
}

impl Counted {
    fn socket(self: Pin<&mut Self>) -> Pin<&mut PlainSocket> {
        Pin::new(&mut self.get_mut().socket)
    }

    fn count(mut self: Pin<&mut Self>, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let written = ready!(write)?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = self.as_mut().socket().poll_write(cx, bytes);
        self.count(write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = self.as_mut().socket().poll_write_vectored(cx, parts);
        self.count(write)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_shutdown(cx)
    }
}
