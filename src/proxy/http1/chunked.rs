//! Reads a chunked body: RFC 9112 section 7.1. Lines are looked at only once they are complete, within bounds.

use super::head::HeadLimits;
use crate::proxy::refusal::Refusal;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Bytes of one line with a chunk's size and extensions, without its end.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// Bytes of all extensions of one body: they mean nothing here, so nobody needs many.
const EXTENSION_BYTES_MAX: usize = 4096;
/// Digits of a chunk's size: more could not be counted.
const SIZE_DIGITS_MAX: usize = 15;
/// Bytes of the trailer section, whatever a head may have.
const TRAILER_BYTES_MAX: usize = 16 * 1024;
/// Field lines of the trailer section.
const TRAILERS_MAX: usize = 64;

#[derive(Debug, Clone, Copy)]
enum ChunkPart {
    SizeLine,
    Data(u64),
    DataEnd,
    Over,
}

/// What the next bytes are.
#[derive(Debug)]
pub(super) enum Step {
    /// More bytes are needed.
    More,
    /// So many bytes frame the body.
    Framing(usize),
    /// So many bytes are data.
    Data(usize),
    /// So many bytes end the body.
    End(usize, HeaderMap),
}

/// The reader of one chunked body.
#[derive(Debug)]
pub(super) struct Chunked {
    part: ChunkPart,
    extension_bytes: usize,
    trailer_bytes_max: usize,
    trailers_max: usize,
}

impl Chunked {
    /// A reader that stands before the first chunk.
    pub(super) fn new(limits: &HeadLimits) -> Self {
        Self {
            part: ChunkPart::SizeLine,
            extension_bytes: 0,
            trailer_bytes_max: limits.head_bytes.min(TRAILER_BYTES_MAX),
            trailers_max: limits.fields.min(TRAILERS_MAX),
        }
    }

    /// What is left of the chunk under way, in bytes.
    pub(super) const fn data_left(&self) -> u64 {
        match self.part {
            ChunkPart::Data(left) => left,
            _ => 0,
        }
    }

    /// Takes one step over `bytes`, which begin where the last step ended. None follows the end.
    ///
    /// # Errors
    /// Where the bytes break the grammar or a limit. The reader is of no use after that.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        match self.part {
            ChunkPart::SizeLine => self.size_line(bytes),
            ChunkPart::Data(_) if bytes.is_empty() => Ok(Step::More),
            ChunkPart::Data(left) => {
                let available = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
                self.part = if available == left { ChunkPart::DataEnd } else { ChunkPart::Data(left - available) };
                Ok(Step::Data(usize::try_from(available).unwrap_or(bytes.len())))
            }
            ChunkPart::DataEnd => match bytes {
                [] | [b'\r'] => Ok(Step::More),
                [b'\r', b'\n', ..] => {
                    self.part = ChunkPart::SizeLine;
                    Ok(Step::Framing(2))
                }
                _ => Err(Refusal::ChunkEnd),
            },
            ChunkPart::Over => Ok(Step::More),
        }
    }

    fn size_line(&mut self, bytes: &[u8]) -> Result<Step, Refusal> {
        let within = bytes.get(..SIZE_LINE_BYTES_MAX + 2).unwrap_or(bytes);
        let line_end = within.iter().position(|byte| *byte == b'\n');
        let shown = within.get(..line_end.unwrap_or(within.len())).unwrap_or_default();
        let digits = shown.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, rest) = shown.split_at_checked(digits).unwrap_or_default();
        if digits > SIZE_DIGITS_MAX || (digits == 0 && !shown.is_empty()) {
            return Err(Refusal::ChunkSize);
        }
        let Some(line_end) = line_end else {
            return match rest {
                [] | [b'\r'] if within.len() == bytes.len() => Ok(Step::More),
                [b';', ..] if within.len() < SIZE_LINE_BYTES_MAX + 2 => {
                    // The carriage return may be the line's own.
                    extension(rest.strip_suffix(b"\r").unwrap_or(rest)).map(|()| Step::More)
                }
                [b';', ..] => Err(Refusal::ChunkExtension),
                _ => Err(Refusal::ChunkSize),
            };
        };
        let mut extension_bytes = self.extension_bytes;
        match rest {
            b"\r" if digits > 0 => {}
            [b';', extensions @ .., b'\r'] => {
                extension(extensions)?;
                extension_bytes += extensions.len();
                if extension_bytes > EXTENSION_BYTES_MAX {
                    return Err(Refusal::ChunkExtension);
                }
            }
            _ => return Err(Refusal::ChunkSize),
        }
        let size = size.iter().fold(0_u64, |sum, digit| sum << 4 | u64::from(hex_value(*digit)));
        if size > 0 {
            self.part = ChunkPart::Data(size);
            self.extension_bytes = extension_bytes;
            return Ok(Step::Framing(line_end + 1));
        }
        // The last chunk waits for the trailers, so that a body with bad trailers never ends well.
        let rest = bytes.get(line_end + 1..).unwrap_or_default();
        Ok(self.trailers(rest)?.map_or(Step::More, |(length, trailers)| Step::End(line_end + 1 + length, trailers)))
    }

    /// Takes the trailer section with the closing empty line, once it is complete.
    fn trailers(&mut self, bytes: &[u8]) -> Result<Option<(usize, HeaderMap)>, Refusal> {
        let mut slots = [httparse::EMPTY_HEADER; TRAILERS_MAX];
        let slots = slots.get_mut(..self.trailers_max).unwrap_or_default();
        let (length, lines) = match httparse::parse_headers(bytes, slots) {
            Ok(httparse::Status::Complete(complete)) => complete,
            Ok(httparse::Status::Partial) if bytes.len() < self.trailer_bytes_max => return Ok(None),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Refusal::Trailer),
        };
        let whole = bytes.get(..length).unwrap_or_default();
        let bare = whole.split_inclusive(|byte| *byte == b'\n').any(|line| !line.ends_with(b"\r\n"));
        if bare || length > self.trailer_bytes_max {
            return Err(Refusal::Trailer);
        }
        let mut trailers = HeaderMap::with_capacity(lines.len());
        for line in lines {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Refusal::Trailer)?;
            let value = HeaderValue::from_bytes(line.value).map_err(|_| Refusal::Trailer)?;
            if decides_framing(&name) {
                return Err(Refusal::Trailer);
            }
            trailers.append(name, value);
        }
        self.part = ChunkPart::Over;
        Ok(Some((length, trailers)))
    }
}

fn extension(bytes: &[u8]) -> Result<(), Refusal> {
    let plain = |byte: &u8| matches!(byte, b'\t' | b' '..=0x7E);
    if bytes.iter().all(plain) { Ok(()) } else { Err(Refusal::ChunkExtension) }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

/// Fields that may not stand in a trailer because they would change where the message ends or goes: RFC 9110 section 6.5.1.
fn decides_framing(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING, HOST, CONNECTION, UPGRADE, TE, TRAILER].contains(name)
}
