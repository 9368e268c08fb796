//! The buffer that a thread reads into. A connection takes it along while there is something in it that was not used yet; one
//! that has nothing to read holds none, and thousands that take turns read into memory that is in the processor's cache.

use super::socket::Socket;
use bytes::BytesMut;
use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use tokio::io::AsyncReadExt as _;

/// Room for one read of heads, which most fit into several times, and the least for one of bodies.
pub(super) const READ_BYTES: usize = 4 * 1024;

thread_local! {
    static BUFFER: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// Reads more into `buffer`, at most about `wanted` bytes; how many, 0 at the end. Where nothing has come, an empty buffer is
/// given back, unless a long body has made it larger.
pub(super) fn poll_read<T: Socket>(
    socket: &mut T,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
    wanted: usize,
) -> Poll<io::Result<usize>> {
    if buffer.capacity() == 0 && wanted <= READ_BYTES {
        *buffer = BUFFER.take().unwrap_or_default();
    }
    if buffer.capacity() - buffer.len() < READ_BYTES / 2 {
        buffer.reserve(wanted);
    }
    let read = pin!(socket.read_buf(buffer)).poll(cx);
    if read.is_pending() && buffer.is_empty() && buffer.capacity() <= READ_BYTES {
        give_back(std::mem::take(buffer));
    }
    read
}

/// Gives a buffer back, to whichever thread this is, if it can be used again as a whole.
pub(super) fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.try_reclaim(READ_BYTES) && buffer.capacity() <= 2 * READ_BYTES {
        BUFFER.set(Some(buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf as _;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt as _;

    async fn read(socket: &mut tokio::io::DuplexStream, buffer: &mut BytesMut) -> usize {
        poll_fn(|cx| poll_read(socket, cx, buffer, READ_BYTES)).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_holds_a_buffer_only_while_there_is_something_in_it() {
        let (mut client, mut socket) = tokio::io::duplex(64);
        let mut buffer = BytesMut::new();
        for _ in 0..3 {
            let nothing = poll_fn(|cx| Poll::Ready(poll_read(&mut socket, cx, &mut buffer, READ_BYTES).is_pending()));
            assert!(nothing.await);
            assert_eq!(buffer.capacity(), 0, "nothing has come");
            client.write_all(b"head").await.unwrap();
            assert_eq!(read(&mut socket, &mut buffer).await, 4);
            let nothing = poll_fn(|cx| Poll::Ready(poll_read(&mut socket, cx, &mut buffer, READ_BYTES).is_pending()));
            assert!(nothing.await);
            assert_eq!(buffer.as_ref(), b"head", "what was not used stays");
            buffer.advance(4);
        }
    }

    #[tokio::test]
    async fn connections_that_take_turns_use_one_buffer_and_what_others_still_see_is_not_written_over() {
        let (mut client, mut socket) = tokio::io::duplex(64);
        let mut buffer = BytesMut::new();
        let mut kept = Vec::new();
        for text in [b"one", b"two"] {
            client.write_all(text).await.unwrap();
            assert_eq!(read(&mut socket, &mut buffer).await, 3);
            kept.push(buffer.split().freeze());
            give_back(std::mem::take(&mut buffer));
        }
        assert_eq!(kept, [&b"one"[..], b"two"]);
        let mut places = Vec::new();
        for _ in 0..2 {
            client.write_all(b"one").await.unwrap();
            assert_eq!(read(&mut socket, &mut buffer).await, 3);
            places.push(buffer.as_ptr());
            buffer.advance(3);
            give_back(std::mem::take(&mut buffer));
        }
        assert_eq!(places[0], places[1]);
    }
}
