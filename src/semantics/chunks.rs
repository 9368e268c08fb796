//! Takes the chunks of a body apart: RFC 9112 section 7.1. However the bytes are cut, it goes on where it stopped.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// Digits of a chunk's size: more could not be counted.
const SIZE_DIGITS_MAX: u8 = 15;
/// Field lines of the trailer section.
const TRAILERS_MAX: usize = 64;

/// What a body may measure at most besides its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkLimits {
    /// Bytes of all its extensions: they mean nothing here, so nobody needs many.
    extension_bytes: usize,
    /// Bytes of the trailer section.
    trailer_bytes: usize,
    /// Field lines of the trailer section.
    trailers: usize,
}

impl ChunkLimits {
    /// Of what servers send.
    pub(crate) const SERVER: Self =
        Self { extension_bytes: 16 * 1024, trailer_bytes: 16 * 1024, trailers: TRAILERS_MAX };

    /// Of what clients send, where a head may have so many bytes and lines.
    pub(crate) fn client(head_bytes: usize, fields: usize) -> Self {
        Self {
            extension_bytes: 4096,
            trailer_bytes: head_bytes.min(Self::SERVER.trailer_bytes),
            trailers: fields.min(TRAILERS_MAX),
        }
    }
}

/// What is wrong with a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkError {
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
pub(crate) struct Chunks {
    limits: ChunkLimits,
    place: Place,
    extension_bytes: usize,
}

/// What some bytes came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// How many bytes belong to the body.
    pub(crate) taken: usize,
    pub(crate) data: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Chunks {
    /// Before the first chunk.
    pub(crate) const fn new(limits: ChunkLimits) -> Self {
        Self { limits, place: FIRST, extension_bytes: 0 }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// What of the chunk under way is still to come, in bytes.
    pub(crate) const fn data_left(&self) -> u64 {
        match self.place {
            Place::Data { left } => left,
            _ => 0,
        }
    }

    /// So much of the chunk's data was read past this.
    pub(crate) fn pass(&mut self, bytes: u64) {
        if let Place::Data { left } = self.place {
            self.place = if bytes < left { Place::Data { left: left - bytes } } else { Place::DataEnd };
        }
    }

    /// Takes bytes as far as they belong to the body. What comes before a fault is given all the same.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> (Decoded, Result<(), ChunkError>) {
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
            b'\t' | b' '..=0x7E if self.extension_bytes <= self.limits.extension_bytes => Ok(Place::Extension { size }),
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
        section.extend_from_slice(open.get(..open.len().min(self.limits.trailer_bytes + 4)).unwrap_or_default());
        let end = if section.starts_with(b"\r\n") {
            Some(2)
        } else {
            memchr::memmem::find(section.get(from..).unwrap_or_default(), b"\r\n\r\n").map(|at| from + at + 4)
        };
        let own = section.get(..end.unwrap_or(section.len())).unwrap_or_default();
        if own.len() > self.limits.trailer_bytes || has_bare_line_feed(own, before) {
            return Err(ChunkError::Trailer);
        }
        if end.is_none() {
            self.place = Place::Trailers { section };
            return Ok(open.len());
        }
        if own.len() > 2 {
            *trailers = Some(self.fields(own)?);
        }
        Ok(own.len() - before)
    }

    fn fields(&self, section: &[u8]) -> Result<HeaderMap, ChunkError> {
        let mut slots = [httparse::EMPTY_HEADER; TRAILERS_MAX];
        let slots = slots.get_mut(..self.limits.trailers).unwrap_or_default();
        let Ok(httparse::Status::Complete((_, parsed))) = httparse::parse_headers(section, slots) else {
            return Err(ChunkError::Trailer);
        };
        let mut trailers = HeaderMap::with_capacity(parsed.len());
        for field in parsed {
            match (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value)) {
                (Ok(name), Ok(value)) if !decides_framing(&name) => trailers.append(name, value),
                _ => return Err(ChunkError::Trailer),
            };
        }
        Ok(trailers)
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

/// Whether a line feed stands without its carriage return from there on.
fn has_bare_line_feed(section: &[u8], from: usize) -> bool {
    let feeds = memchr::memchr_iter(b'\n', section.get(from..).unwrap_or_default());
    feeds.map(|at| from + at).any(|at| at == 0 || section.get(at - 1) != Some(&b'\r'))
}

/// Fields that may not stand in a trailer section because they would change where the message ends or goes: RFC 9110
/// section 6.5.1.
pub(crate) fn decides_framing(name: &HeaderName) -> bool {
    ["content-length", "transfer-encoding", "host", "connection", "upgrade", "te", "trailer"].contains(&name.as_str())
}
