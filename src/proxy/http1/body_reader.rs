//! Reads a request's body off the connection, of whichever framing: RFC 9112 section 6.

use super::chunked::{Chunked, Step};
use super::head::{Framing, HeadLimits};
use crate::proxy::refusal::Refusal;
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use std::ops::Range;

/// Data of this size is copied out of the read buffer, which then can be used again.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// What is next of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Data, without its framing; never empty.
    Data(Bytes),
    /// The trailers, with which it ends.
    Trailers(HeaderMap),
}

impl Piece {
    /// Its data.
    pub(super) fn into_data(self) -> Bytes {
        match self {
            Self::Data(data) => data,
            Self::Trailers(_) => Bytes::new(),
        }
    }
}

/// How a body's end is known.
#[derive(Debug)]
enum Mark {
    /// It ends after so many bytes.
    Length(u64),
    Chunked(Chunked),
    /// Nothing is left but these trailers.
    Trailers(HeaderMap),
}

/// The reader of one body.
#[derive(Debug)]
pub(super) struct BodyReader(Mark);

impl BodyReader {
    /// A reader that stands before the first byte.
    pub(super) fn new(framing: Framing, limits: &HeadLimits) -> Self {
        Self(match framing {
            Framing::None => Mark::Length(0),
            Framing::Length(bytes) => Mark::Length(bytes),
            Framing::Chunked => Mark::Chunked(Chunked::new(limits)),
        })
    }

    /// Whether all of it was read.
    pub(super) fn is_over(&self) -> bool {
        match &self.0 {
            Mark::Length(left) => *left == 0,
            Mark::Chunked(_) => false,
            Mark::Trailers(trailers) => trailers.is_empty(),
        }
    }

    /// How many bytes are known to be still to come.
    pub(super) const fn data_left(&self) -> u64 {
        match &self.0 {
            Mark::Length(left) => *left,
            Mark::Chunked(chunked) => chunked.data_left(),
            Mark::Trailers(_) => 0,
        }
    }

    /// Its length, in bytes, as far as it is known.
    pub(super) const fn length(&self) -> Option<u64> {
        if let Mark::Length(left) = &self.0 { Some(*left) } else { None }
    }

    /// Takes all that `buffer` begins with of it; `None` if more bytes are needed.
    ///
    /// # Errors
    /// Where the bytes break the grammar or a limit. The reader is of no use after that.
    pub(super) fn read(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, Refusal> {
        match &mut self.0 {
            Mark::Length(left) => {
                let bytes = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= bytes as u64;
                Ok((bytes > 0).then(|| Piece::Data(take(buffer, bytes))))
            }
            Mark::Chunked(_) => {
                let data = self.read_chunks(buffer)?;
                Ok(if data.is_empty() { self.trailers() } else { Some(Piece::Data(data)) })
            }
            Mark::Trailers(_) => Ok(self.trailers()),
        }
    }

    fn trailers(&mut self) -> Option<Piece> {
        match &mut self.0 {
            Mark::Trailers(trailers) if !trailers.is_empty() => Some(Piece::Trailers(std::mem::take(trailers))),
            _ => None,
        }
    }

    /// The data of all chunks in the buffer, as one.
    fn read_chunks(&mut self, buffer: &mut BytesMut) -> Result<Bytes, Refusal> {
        let (mut taken, mut first, mut joined) = (0, 0..0, Vec::new());
        while let Mark::Chunked(chunked) = &mut self.0 {
            match chunked.step(buffer.get(taken..).unwrap_or_default())? {
                Step::More => break,
                Step::Framing(bytes) => taken += bytes,
                Step::Data(bytes) => {
                    let data = taken..taken + bytes;
                    taken = data.end;
                    join(buffer, &mut first, &mut joined, data);
                }
                Step::End(bytes, trailers) => {
                    taken += bytes;
                    self.0 = Mark::Trailers(trailers);
                }
            }
        }
        if !joined.is_empty() {
            buffer.advance(taken);
            return Ok(joined.into());
        }
        buffer.advance(first.start);
        let data = take(buffer, first.len());
        buffer.advance(taken - first.end);
        Ok(data)
    }
}

/// Notes one more range of data; more than one are copied behind each other.
fn join(buffer: &[u8], first: &mut Range<usize>, joined: &mut Vec<u8>, data: Range<usize>) {
    if first.end == 0 {
        *first = data;
        return;
    }
    if joined.is_empty() {
        joined.extend_from_slice(buffer.get(first.clone()).unwrap_or_default());
    }
    joined.extend_from_slice(buffer.get(data).unwrap_or_default());
}

/// Takes so many bytes from the buffer's start.
fn take(buffer: &mut BytesMut, bytes: usize) -> Bytes {
    if bytes > COPIED_BYTES_MAX {
        return buffer.split_to(bytes).freeze();
    }
    let copy = Bytes::copy_from_slice(buffer.get(..bytes).unwrap_or_default());
    buffer.advance(bytes);
    copy
}
