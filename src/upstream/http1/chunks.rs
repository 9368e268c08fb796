//! Takes the chunks of a body apart: RFC 9112 section 7.1. However the bytes are cut, it goes on where it stopped.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// Digits of a chunk's size: more could not be counted.
const SIZE_DIGITS_MAX: u8 = 15;
/// Bytes of all extensions of one body: they mean nothing here, so nobody needs many.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the trailer section.
const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// Field lines of the trailer section.
const TRAILERS_MAX: usize = 64;

/// What is wrong with a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::upstream) enum ChunkError {
    #[error("the size of a chunk is no number, or too large")]
    Size,
    #[error("the body has chunk extensions that are not valid, or too many")]
    Extension,
    #[error("a chunk is not followed by the end of its line")]
    End,
    #[error("the trailer section is not valid, or too large")]
    Trailer,
}

/// Where the next byte belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Size { value: u64, digits: u8 },
    Extension { size: u64 },
    SizeEnd { size: u64 },
    Data { left: u64 },
    DataEnd,
    DataEndFeed,
    Trailers { section: Vec<u8> },
    Over,
}

const FIRST: Place = Place::Size { value: 0, digits: 0 };

/// The way through one body.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    place: Place,
    extension_bytes: usize,
}

/// What some bytes came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    /// How many bytes belong to the body.
    pub(super) taken: usize,
    pub(super) data: Bytes,
    pub(super) trailers: Option<HeaderMap>,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { place: FIRST, extension_bytes: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// What of the chunk under way is still to come, in bytes.
    pub(super) const fn data_left(&self) -> u64 {
        match self.place {
            Place::Data { left } => left,
            _ => 0,
        }
    }

    /// So much of the chunk's data was read past this.
    pub(super) fn pass(&mut self, bytes: u64) {
        if let Place::Data { left } = self.place {
            self.place = if bytes < left { Place::Data { left: left - bytes } } else { Place::DataEnd };
        }
    }

    /// Takes bytes as far as they belong to the body. What comes before a fault is given all the same.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> (Decoded, Result<(), ChunkError>) {
        let mut data = Vec::new();
        let mut decoded = Decoded::default();
        let result = loop {
            let open = bytes.get(decoded.taken..).unwrap_or_default();
            if open.is_empty() || self.is_over() {
                break Ok(());
            }
            match self.step(open, &mut data, &mut decoded.trailers) {
                Ok(step) => decoded.taken += step,
                Err(error) => break Err(error),
            }
        };
        if data.len() < data.capacity() / 2 {
            data.shrink_to_fit();
        }
        decoded.data = data.into();
        (decoded, result)
    }

    fn step(&mut self, open: &[u8], data: &mut Vec<u8>, trailers: &mut Option<HeaderMap>) -> Result<usize, ChunkError> {
        let first = open.first().copied().unwrap_or_default();
        self.place = match std::mem::replace(&mut self.place, Place::Over) {
            Place::Size { value, digits } => size(value, digits, first)?,
            Place::Extension { size } => self.extension(size, first)?,
            Place::SizeEnd { size } => match (first, size) {
                (b'\n', 0) => Place::Trailers { section: Vec::new() },
                (b'\n', left) => Place::Data { left },
                _ => return Err(ChunkError::Size),
            },
            Place::Data { left } => {
                let available = usize::try_from(left).unwrap_or(usize::MAX).min(open.len());
                if data.capacity() == 0 {
                    data.reserve_exact(open.len());
                }
                data.extend_from_slice(open.get(..available).unwrap_or_default());
                self.place = Place::Data { left };
                self.pass(available as u64);
                return Ok(available);
            }
            Place::DataEnd if first == b'\r' => Place::DataEndFeed,
            Place::DataEndFeed if first == b'\n' => FIRST,
            Place::DataEnd | Place::DataEndFeed => return Err(ChunkError::End),
            Place::Trailers { section } => return self.trailers(section, open, trailers),
            Place::Over => return Ok(0),
        };
        Ok(1)
    }

    fn extension(&mut self, size: u64, byte: u8) -> Result<Place, ChunkError> {
        self.extension_bytes += 1;
        match byte {
            b'\r' => Ok(Place::SizeEnd { size }),
            b'\t' | b' '..=0x7E if self.extension_bytes <= EXTENSION_BYTES_MAX => Ok(Place::Extension { size }),
            _ => Err(ChunkError::Extension),
        }
    }

    /// Takes the trailer section with the closing empty line.
    fn trailers(
        &mut self,
        mut section: Vec<u8>,
        open: &[u8],
        trailers: &mut Option<HeaderMap>,
    ) -> Result<usize, ChunkError> {
        let before = section.len();
        let from = before.saturating_sub(3);
        section.extend_from_slice(open.get(..open.len().min(TRAILER_BYTES_MAX + 4)).unwrap_or_default());
        let end = if section.starts_with(b"\r\n") {
            Some(2)
        } else {
            memchr::memmem::find(section.get(from..).unwrap_or_default(), b"\r\n\r\n").map(|at| from + at + 4)
        };
        let Some(end) = end else {
            if section.len() > TRAILER_BYTES_MAX {
                return Err(ChunkError::Trailer);
            }
            self.place = Place::Trailers { section };
            return Ok(open.len());
        };
        if end > 2 {
            *trailers = Some(fields(section.get(..end).unwrap_or_default())?);
        }
        Ok(end - before)
    }
}

fn size(value: u64, digits: u8, byte: u8) -> Result<Place, ChunkError> {
    match (char::from(byte).to_digit(16), byte) {
        (Some(digit), _) if digits < SIZE_DIGITS_MAX => {
            Ok(Place::Size { value: value << 4 | u64::from(digit), digits: digits + 1 })
        }
        (None, b'\r') if digits > 0 => Ok(Place::SizeEnd { size: value }),
        (None, b';') if digits > 0 => Ok(Place::Extension { size: value }),
        _ => Err(ChunkError::Size),
    }
}

fn fields(section: &[u8]) -> Result<HeaderMap, ChunkError> {
    let mut slots = [httparse::EMPTY_HEADER; TRAILERS_MAX];
    let Ok(httparse::Status::Complete((_, parsed))) = httparse::parse_headers(section, &mut slots) else {
        return Err(ChunkError::Trailer);
    };
    if memchr::memchr_iter(b'\n', section).any(|at| at == 0 || section.get(at - 1) != Some(&b'\r')) {
        return Err(ChunkError::Trailer);
    }
    let mut trailers = HeaderMap::with_capacity(parsed.len());
    for field in parsed {
        match (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value)) {
            (Ok(name), Ok(value)) if !decides_framing(&name) => trailers.append(name, value),
            _ => return Err(ChunkError::Trailer),
        };
    }
    Ok(trailers)
}

/// Fields that may not stand in a trailer section because they would change where the message ends or goes: RFC 9110
/// section 6.5.1.
pub(super) fn decides_framing(name: &HeaderName) -> bool {
    ["content-length", "transfer-encoding", "host", "connection", "upgrade", "te", "trailer"].contains(&name.as_str())
}
