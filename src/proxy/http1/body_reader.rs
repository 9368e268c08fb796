//! Reads a request's body off the connection, of whichever framing: RFC 9112 section 6.

use super::head::{Framing, HeadLimits};
use crate::proxy::refusal::Refusal;
use crate::semantics::chunks::{ChunkError, ChunkLimits, Chunks};
use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

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
    Chunked(Chunks),
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
            Framing::Chunked => Mark::Chunked(Chunks::new(ChunkLimits::client(limits.head_bytes, limits.fields))),
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
            Mark::Chunked(chunks) => chunks.data_left(),
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
            Mark::Chunked(chunks) => {
                let whole = usize::try_from(chunks.data_left()).unwrap_or(usize::MAX).min(buffer.len());
                if whole > COPIED_BYTES_MAX {
                    chunks.pass(whole as u64);
                    return Ok(Some(Piece::Data(take(buffer, whole))));
                }
                let (decoded, result) = chunks.decode(buffer);
                result?;
                buffer.advance(decoded.taken);
                if chunks.is_over() {
                    self.0 = Mark::Trailers(decoded.trailers.unwrap_or_default());
                }
                Ok(if decoded.data.is_empty() { self.trailers() } else { Some(Piece::Data(decoded.data)) })
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
}

impl From<ChunkError> for Refusal {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Size => Self::ChunkSize,
            ChunkError::Extension => Self::ChunkExtension,
            ChunkError::End => Self::ChunkEnd,
            ChunkError::Trailer => Self::Trailer,
        }
    }
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
