//! The frames of one stream as they come: RFC 9114 section 7. No more of them is held than the transport gave at once.

use super::code::Code;
use crate::proxy::conversation::Conversation;
use bytes::{Buf, Bytes, BytesMut};
use quinn::{ReadError, RecvStream};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// DATA.
pub(super) const DATA: u64 = 0x0;
/// HEADERS.
pub(super) const HEADERS: u64 = 0x1;
/// CANCEL_PUSH.
pub(super) const CANCEL_PUSH: u64 = 0x3;
/// SETTINGS.
pub(super) const SETTINGS: u64 = 0x4;
/// PUSH_PROMISE.
const PUSH_PROMISE: u64 = 0x5;
/// GOAWAY.
pub(super) const GOAWAY: u64 = 0x7;
/// MAX_PUSH_ID.
pub(super) const MAX_PUSH_ID: u64 = 0xd;
/// Those of HTTP/2 that mean nothing here, and may not come: section 7.2.8.
const OF_HTTP_2: [u64; 4] = [0x2, 0x6, 0x8, 0x9];

/// Frames that bring no data and that a client may send on one stream; more serve no purpose.
const IDLE_MAX: u64 = 1000;
/// Those of the control stream that may belong to each request, such as PRIORITY_UPDATE: RFC 9218 section 7.2.
const FOR_EACH_REQUEST: u64 = 4;
/// The longest variable-length integer: RFC 9000 section 16.
const INTEGER_BYTES_MAX: usize = 8;

/// Why no frame comes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The client has taken the stream back, or is gone.
    #[error("the client has ended the stream: {0}")]
    Read(#[from] ReadError),
    /// It is an error of the stream.
    #[error("the stream is in error: {0:?}")]
    Stream(Code),
    /// It is an error of the whole connection.
    #[error("the connection is in error: {0:?}")]
    Connection(Code),
}

/// What begins a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) kind: u64,
    pub(super) bytes: u64,
}

/// The frames of one stream.
pub(super) struct Frames {
    stream: RecvStream,
    /// What was read and not used yet.
    read: Bytes,
    is_over: bool,
    /// The beginning of a frame's head.
    head: Vec<u8>,
    /// What is left of the frame under way.
    left: u64,
    idle: u64,
    /// The connection, of whose requests the stream speaks; `None` if it is a request itself.
    conversation: Option<Arc<Conversation>>,
}

impl Frames {
    /// Of this stream.
    pub(super) const fn new(stream: RecvStream) -> Self {
        Self { stream, read: Bytes::new(), is_over: false, head: Vec::new(), left: 0, idle: 0, conversation: None }
    }

    /// They may speak of the requests of this connection.
    pub(super) fn speaking_of(mut self, conversation: &Arc<Conversation>) -> Self {
        self.conversation = Some(Arc::clone(conversation));
        self
    }

    /// Whether more of them bring no data than serve a purpose.
    fn is_flood(&self) -> bool {
        let requests = self.conversation.as_ref().map_or(0, |conversation| conversation.requests());
        self.idle > IDLE_MAX + FOR_EACH_REQUEST * requests
    }

    /// Reads more where nothing is left; whether there is something now.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, Broken>> {
        while self.read.is_empty() {
            if self.is_over {
                return Poll::Ready(Ok(Filled::Over));
            }
            match ready!(pin!(self.stream.read_chunk(usize::MAX, true)).poll(cx))? {
                Some(chunk) => self.read = chunk.bytes,
                None => self.is_over = true,
            }
        }
        Poll::Ready(Ok(Filled::Some))
    }

    /// The next variable-length integer of the stream: `None` if the stream ends before its first byte.
    pub(super) async fn integer(&mut self) -> Result<Option<u64>, Broken> {
        let taken = poll_fn(|cx| self.poll_head_of(1, cx)).await?;
        Ok(taken.map(|[integer, _]| integer))
    }

    /// So many integers, which begin a frame or a stream; `None` at the end of the stream.
    fn poll_head_of(&mut self, integers: usize, cx: &mut Context<'_>) -> Poll<Result<Option<[u64; 2]>, Broken>> {
        loop {
            let mut head = &self.head[..];
            let mut found = [0; 2];
            if found.iter_mut().take(integers).all(|found| take_integer(&mut head).map(|it| *found = it).is_some()) {
                self.head.clear();
                return Poll::Ready(Ok(Some(found)));
            }
            match ready!(self.poll_fill(cx))? {
                // Byte by byte: what follows is none of it.
                Filled::Some => self.head.push(self.read.get_u8()),
                Filled::Over if self.head.is_empty() => return Poll::Ready(Ok(None)),
                Filled::Over => return Poll::Ready(Err(Broken::Connection(Code::FrameError))),
            }
        }
    }

    /// The head of the next frame that has a meaning, once the one before is over; `None` at the end of the stream.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<FrameHead>, Broken>> {
        loop {
            while ready!(self.poll_payload(cx))?.is_some() {}
            let Some([kind, bytes]) = ready!(self.poll_head_of(2, cx))? else { return Poll::Ready(Ok(None)) };
            self.left = bytes;
            let is_known = matches!(kind, DATA | HEADERS | CANCEL_PUSH | SETTINGS | GOAWAY | MAX_PUSH_ID);
            if kind == PUSH_PROMISE || OF_HTTP_2.contains(&kind) {
                return Poll::Ready(Err(Broken::Connection(Code::FrameUnexpected)));
            }
            if kind != DATA || bytes == 0 {
                self.idle += 1;
                if self.is_flood() {
                    return Poll::Ready(Err(Broken::Connection(Code::ExcessiveLoad)));
                }
            }
            if is_known {
                return Poll::Ready(Ok(Some(FrameHead { kind, bytes })));
            }
        }
    }

    /// As [`Self::poll_next`].
    pub(super) async fn next(&mut self) -> Result<Option<FrameHead>, Broken> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next piece of the frame under way; `None` once it is over.
    pub(super) fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        if self.left == 0 {
            return Poll::Ready(Ok(None));
        }
        match ready!(self.poll_fill(cx))? {
            Filled::Some => {
                let bytes = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.read.len());
                self.left -= bytes as u64;
                Poll::Ready(Ok(Some(self.read.split_to(bytes))))
            }
            Filled::Over => Poll::Ready(Err(Broken::Connection(Code::FrameError))),
        }
    }

    /// Collects all of the frame under way, which the caller knows to be short enough.
    pub(super) fn poll_whole(&mut self, into: &mut BytesMut, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while let Some(piece) = ready!(self.poll_payload(cx))? {
            into.extend_from_slice(&piece);
        }
        Poll::Ready(Ok(()))
    }

    /// The next bytes of a stream that has no frames; `None` at its end.
    pub(super) async fn bytes(&mut self) -> Result<Option<Bytes>, Broken> {
        match poll_fn(|cx| self.poll_fill(cx)).await? {
            Filled::Some => Ok(Some(std::mem::take(&mut self.read))),
            Filled::Over => Ok(None),
        }
    }

    /// Whether the stream is known to be over.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over && self.read.is_empty()
    }

    /// Reads no more, and sends the client the reason.
    pub(super) fn stop(&mut self, code: Code) {
        // It fails only where the stream is over.
        let _ = self.stream.stop(code.number());
    }
}

/// Whoever wants no more of a request is not to be sent more.
impl Drop for Frames {
    fn drop(&mut self) {
        if !self.is_over {
            self.stop(Code::NoError);
        }
    }
}

/// Whether there is something to read.
enum Filled {
    Some,
    /// The stream is over.
    Over,
}

/// Takes an integer that a list of bytes begins with: RFC 9000 section 16.
pub(super) fn take_integer(bytes: &mut &[u8]) -> Option<u64> {
    let length = 1 << (bytes.first()? >> 6);
    let (integer, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    let all = integer.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    Some(all & (u64::MAX >> 2 >> (8 * (INTEGER_BYTES_MAX - length))))
}

/// Writes an integer below 2 to the power of 62.
pub(super) fn put_integer(value: u64, out: &mut Vec<u8>) {
    let (length, flags) = match value {
        0..0x40 => (1, 0),
        0x40..0x4000 => (2, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        _ => (8, 0xc0),
    };
    let at = out.len();
    out.extend_from_slice(&value.to_be_bytes()[INTEGER_BYTES_MAX - length..]);
    out[at] |= flags;
}

/// A frame with this payload.
pub(super) fn frame(kind: u64, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 2 * INTEGER_BYTES_MAX);
    put_integer(kind, &mut out);
    put_integer(payload.len() as u64, &mut out);
    out.extend_from_slice(payload);
    out.into()
}

/// The head of a DATA frame of so many bytes.
pub(super) fn data_head(bytes: usize) -> Bytes {
    let mut out = Vec::with_capacity(2 * INTEGER_BYTES_MAX);
    put_integer(DATA, &mut out);
    put_integer(bytes as u64, &mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9000_a_1_integers_are_read_and_written() {
        for (value, expected) in [
            (37, &[0x25][..]),
            (15_293, &[0x7b, 0xbd]),
            (494_878_333, &[0x9d, 0x7f, 0x3e, 0x7d]),
            (151_288_809_941_952_652, &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]),
        ] {
            let mut out = Vec::new();
            put_integer(value, &mut out);
            assert_eq!(out, expected);
            assert_eq!(take_integer(&mut &out[..]), Some(value));
            assert_eq!(take_integer(&mut &out[..out.len() - 1]), None);
        }
        assert_eq!(take_integer(&mut &[0x40, 0x25][..]), Some(37));
    }
}
