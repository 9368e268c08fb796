//! What MariaDB compresses in its binary log (`log_bin_compress`).

use super::cursor::Cursor;
use flate2::read::ZlibDecoder;
use std::io::Read as _;

/// More than any event that is taken, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// Whether a part of an event is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Yes,
    No,
}

/// What was compressed: behind a byte that says how, and how many bytes of length follow, the highest first. `None` where it can't be
/// read, or is too large.
pub(super) fn inflated(packed: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(packed);
    let head = cursor.byte()?;
    // Only zlib is known.
    if head & 0xf0 != 0x80 {
        return None;
    }
    let length = cursor.take(usize::from(head & 7))?.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    if length > BYTES_MAX {
        return None;
    }
    let mut all = Vec::new();
    ZlibDecoder::new(cursor.0).take(length + 1).read_to_end(&mut all).ok()?;
    (u64::try_from(all.len()) == Ok(length)).then_some(all)
}
