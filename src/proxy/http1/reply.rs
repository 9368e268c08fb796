//! An answer on its way to the client: what is to be written next, from the interim responses to the last chunk.

use super::encode::{LAST_CHUNK, Manner, announced_trailers, write_chunk_size, write_head, write_trailers};
use super::head::Trailers;
use crate::engine::origin::BodyError;
use crate::proxy::out_buffer::{self, COPIED_BYTES_MAX, PIECE_BYTES};
use crate::proxy::response_body::{Length, ResponseBody};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, Response};
use http_body::Body as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// So much is gathered of a body that comes in small pieces before it is written.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// A body that ends before its time.
#[derive(Debug, thiserror::Error)]
#[error("the body is shorter than its length says")]
struct Short;

/// Bytes that are on their way.
#[derive(Debug, Default)]
struct Waiting {
    /// Heads, framing and short pieces.
    bytes: Vec<u8>,
    sent: usize,
    /// A long piece behind them.
    piece: Bytes,
    /// What frames the piece behind it.
    tail: &'static [u8],
}

/// The body that is being written, and how.
#[derive(Debug)]
struct Sending {
    body: ResponseBody,
    framing: Framing,
}

/// How the client knows where the body ends.
#[derive(Debug)]
enum Framing {
    /// So many bytes are still to be sent.
    Length(u64),
    /// In chunks, after which these trailers may be sent.
    Chunks(Vec<HeaderName>),
    /// The connection's end.
    UntilClose,
}

/// All that is written for one request.
#[derive(Debug, Default)]
pub(super) struct Reply {
    waiting: Waiting,
    /// Whether what waits is being written, so that it is no longer added to.
    is_under_way: bool,
    /// None before the head, and once nothing more is asked for.
    sending: Option<Sending>,
    /// Whose last bytes are on their way.
    ended: Option<ResponseBody>,
    /// Why there will be no more, once what came before is written.
    failure: Option<BodyError>,
}

impl Reply {
    /// Whether what waits may still be added to.
    pub(super) const fn takes_more(&self) -> bool {
        !self.is_under_way
    }

    /// Where what stands between messages is written.
    pub(super) fn between(&mut self) -> &mut Vec<u8> {
        self.waiting.open()
    }

    /// Begins the answer itself.
    pub(super) fn begin(&mut self, response: Response<ResponseBody>, manner: Manner, trailers: Trailers) {
        write_head(&response, manner, &response.body().take_came(), self.waiting.open());
        let framing = match manner.length {
            Length::NoBody(_) => Framing::Length(0),
            Length::Known(bytes) => Framing::Length(bytes),
            Length::Framed => Framing::Chunks(announced_trailers(response.headers(), trailers)),
            Length::UntilClose => Framing::UntilClose,
        };
        self.sending = Some(Sending { body: response.into_body(), framing });
    }

    /// Writes until all that there is was written, and then all of the answer, once it was begun.
    ///
    /// # Errors
    /// The socket's, or the body's: the client has a truncated answer then.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut W,
    ) -> Poll<Result<(), BodyError>> {
        loop {
            let gathered = if self.is_under_way { Poll::Pending } else { self.poll_gather(cx) };
            if !self.waiting.is_empty() {
                self.is_under_way = true;
                ready!(self.waiting.poll_send(cx, wire))?;
                self.is_under_way = false;
                continue;
            }
            if let Some(failure) = self.failure.take() {
                return Poll::Ready(Err(failure));
            }
            ready!(Pin::new(&mut *wire).poll_flush(cx))?;
            ready!(gathered);
            self.waiting.give_back();
            self.ended = None;
            return Poll::Ready(Ok(()));
        }
    }

    /// Asks the body for as much as is written at once; ready where that is enough, or all.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(Sending { body, framing }) = &mut self.sending {
            if let Framing::Length(0) = framing {
                self.end();
                break;
            }
            if self.waiting.unsent() >= GATHERED_BYTES_MAX || !self.waiting.piece.is_empty() {
                break;
            }
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        framing.frame(data, &mut self.waiting);
                        if body.is_end_stream() {
                            self.finish();
                        }
                    }
                    Err(frame) => self.finish_with(&frame.into_trailers().unwrap_or_default()),
                },
                Some(Err(error)) => {
                    self.failure = Some(error);
                    self.end();
                }
                None => self.finish(),
            }
        }
        Poll::Ready(())
    }

    /// The body has ended.
    fn finish(&mut self) {
        match self.sending.as_ref().map(|sending| &sending.framing) {
            Some(Framing::Length(left)) if *left > 0 => self.failure = Some(Box::new(Short)),
            Some(Framing::Chunks(_)) => self.waiting.close(LAST_CHUNK),
            _ => {}
        }
        self.end();
    }

    /// The body has ended, with these trailers.
    fn finish_with(&mut self, trailers: &HeaderMap) {
        match self.sending.as_ref().map(|sending| &sending.framing) {
            Some(Framing::Chunks(announced)) => {
                write_trailers(trailers, announced, self.waiting.open());
                self.end();
            }
            _ => self.finish(),
        }
    }

    fn end(&mut self) {
        self.ended = self.sending.take().map(|sending| sending.body);
    }
}

impl Framing {
    /// Puts a piece of the body behind what waits.
    fn frame(&mut self, mut data: Bytes, waiting: &mut Waiting) {
        match self {
            Self::Length(left) => {
                // Never more than was said.
                data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data.len() as u64;
                waiting.push(data, b"");
            }
            Self::Chunks(_) if data.is_empty() => {}
            Self::Chunks(_) => {
                write_chunk_size(data.len(), waiting.open());
                waiting.push(data, b"\r\n");
            }
            Self::UntilClose => waiting.push(data, b""),
        }
    }
}

impl Waiting {
    const fn is_empty(&self) -> bool {
        self.unsent() == 0 && self.piece.is_empty() && self.tail.is_empty()
    }

    const fn unsent(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// The buffer, to write more into it.
    fn open(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = out_buffer::take();
        }
        &mut self.bytes
    }

    /// Adds a piece, and what frames it behind it.
    fn push(&mut self, piece: Bytes, tail: &'static [u8]) {
        if piece.len() > COPIED_BYTES_MAX {
            (self.piece, self.tail) = (piece, tail);
            return;
        }
        for part in [piece.as_ref(), tail] {
            self.open().extend_from_slice(part);
        }
    }

    /// Adds what ends a chunked body.
    fn close(&mut self, last: &'static [u8]) {
        if self.piece.is_empty() {
            self.open().extend_from_slice(last);
        } else {
            // The end of the piece's own chunk stands before it.
            self.tail = CHUNK_END_AND_LAST;
        }
    }

    /// Writes all of it.
    fn poll_send<W: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, wire: &mut W) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let wire = Pin::new(&mut *wire);
            let bytes = self.bytes.get(self.sent..).unwrap_or_default();
            let written = if self.piece.is_empty() && self.tail.is_empty() {
                ready!(wire.poll_write(cx, bytes))?
            } else {
                let piece = self.piece.get(..self.piece.len().min(PIECE_BYTES)).unwrap_or_default();
                let tail = if piece.len() == self.piece.len() { self.tail } else { b"" };
                ready!(wire.poll_write_vectored(cx, &[bytes, piece, tail].map(IoSlice::new)))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        self.bytes.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        let of_bytes = written.min(self.unsent());
        self.sent += of_bytes;
        let of_piece = (written - of_bytes).min(self.piece.len());
        self.piece.advance(of_piece);
        self.tail = self.tail.get(written - of_bytes - of_piece..).unwrap_or_default();
    }

    fn give_back(&mut self) {
        out_buffer::give_back(std::mem::take(&mut self.bytes));
    }
}

/// The end of a chunk, and of the body behind it.
const CHUNK_END_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let sending = self.sending.as_mut().map(|sending| &mut sending.body);
            sending.or(self.ended.as_mut()).into_iter().for_each(ResponseBody::cut_off);
        }
        self.waiting.give_back();
    }
}
