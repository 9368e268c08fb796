//! The coders and decoders of the content codings.
//!
//! Each coder is deterministic (no time stamp, one level), so that equal bodies have equal coded bytes and a strong tag
//! stays strong. A decoder holds a window of at most 32 KiB (gzip), 16 MiB (br) or 8 MiB (zstd, RFC 9659) besides what is
//! asked of it, whatever the stream says; what it gives is bounded by whoever reads it.

use crate::semantics::content_coding::Coding;
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use flate2::{Compression, GzBuilder, bufread::GzDecoder};
use std::io::{self, BufRead, Read, Write};

/// The level of gzip: past it the time grows faster than the saving.
const GZIP_LEVEL: u32 = 6;

/// The quality of Brotli.
const BR_QUALITY: i32 = 5;

/// The window of Brotli: as large as the body, from 128 KiB to 4 MiB. For smaller windows the coder takes fifty times as
/// long: 12 ms in place of 0.23 for 16 KiB of JSON.
const BR_WINDOW_BITS: (u32, u32) = (17, 22);

/// The level of Zstandard.
const ZSTD_LEVEL: i32 = 6;

/// The largest window that a Zstandard stream may ask for: 8 MiB.
const ZSTD_WINDOW_BITS_MAX: u32 = 23;

/// The buffer of a Brotli decoder.
const BR_BUFFER_BYTES: usize = 4096;

/// Codes `body`. Empty where the coder fails, which it does for want of memory alone.
pub(crate) fn code(coding: Coding, body: &[u8]) -> Vec<u8> {
    let buffer = Vec::with_capacity(body.len() / 4);
    let coded = match coding {
        Coding::Gzip => gzip(body, buffer),
        Coding::Br => br(body, buffer),
        Coding::Zstd => zstd(body, buffer),
    };
    debug_assert!(coded.is_ok(), "writing to memory cannot fail");
    coded.unwrap_or_default()
}

/// One gzip member without name or time.
fn gzip(body: &[u8], buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(buffer, Compression::new(GZIP_LEVEL));
    encoder.write_all(body)?;
    encoder.finish()
}

fn br(mut body: &[u8], mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    let (fewest, most) = BR_WINDOW_BITS;
    let window_bits = (usize::BITS - body.len().leading_zeros()).clamp(fewest, most);
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BR_QUALITY,
        lgwin: i32::try_from(window_bits).unwrap_or_default(),
        size_hint: body.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut body, &mut buffer, &parameters)?;
    Ok(buffer)
}

/// One frame that says its length, without a checksum: what is stored has one of its own.
fn zstd(body: &[u8], buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(buffer, ZSTD_LEVEL)?;
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    encoder.write_all(body)?;
    encoder.finish()
}

/// What decodes a stream as it is read.
pub(crate) type Decoder = Box<dyn Read + Send>;

/// Decodes `coded` as it is read.
///
/// # Errors
/// For want of memory.
pub(crate) fn decoder(coding: Coding, coded: Bytes) -> io::Result<Decoder> {
    let coded: Reader<Bytes> = coded.reader();
    Ok(match coding {
        Coding::Gzip => Box::new(GzDecoder::new(coded)),
        Coding::Br => Box::new(brotli::Decompressor::new(coded, BR_BUFFER_BYTES)),
        Coding::Zstd => Box::new(zstd_decoder(coded)?),
    })
}

fn zstd_decoder<R: BufRead>(coded: R) -> io::Result<zstd::stream::read::Decoder<'static, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(coded)?;
    decoder.window_log_max(ZSTD_WINDOW_BITS_MAX)?;
    Ok(decoder)
}

/// Why a coded stream does not give back its body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// The stream is no valid one of its coding.
    #[error("the stored body is damaged")]
    Damaged(#[source] io::Error),
    /// The stream holds more or fewer bytes than were coded.
    #[error("the stored body does not hold the {expected_bytes} bytes that were coded")]
    Length {
        /// How many were coded.
        expected_bytes: u64,
    },
}

/// Decodes a stream of exactly `identity_bytes` bytes. Never holds more than that and the decoder's window.
///
/// # Errors
/// Where the stream is damaged or has another length.
pub(crate) fn decode(coding: Coding, coded: Bytes, identity_bytes: u64) -> Result<Bytes, DecodeError> {
    let mut body = Vec::new();
    let decoder = decoder(coding, coded).map_err(DecodeError::Damaged)?;
    decoder.take(identity_bytes.saturating_add(1)).read_to_end(&mut body).map_err(DecodeError::Damaged)?;
    if body.len() as u64 != identity_bytes {
        return Err(DecodeError::Length { expected_bytes: identity_bytes });
    }
    Ok(body.into())
}

#[cfg(test)]
#[path = "coders_tests.rs"]
mod tests;
