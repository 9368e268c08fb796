//! What is stored in memory as one file, for the process that comes after this one.
//!
//! A header of fixed length, the records of [`super::codec`] one after another, each with its length before it; then
//! the tail: the numbers of the records that were replaced while the file was written, and a note of the process that
//! wrote it. The header is written last, and holds a hash of itself and the tail, so that a file whose writing did not
//! come to its end is none. Each record has a hash of its own. Nothing that is read is trusted: lengths are bounded by
//! the file's.

use super::codec::{self, CodecError};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::key::PrimaryKey;
use crate::stamp::Stamp;
use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom, Write};

const MAGIC: &[u8; 4] = b"LRDS";

/// Grows with every change of what follows, but for that of the records, which have a version of their own.
const VERSION: u8 = 1;

/// Magic, version, three bytes of nothing, four numbers, the hash.
const HEADER_BYTES: usize = 8 + 4 * 8 + CHECKSUM_BYTES;

const CHECKSUM_BYTES: usize = 16;

/// The longest tail that is read, in bytes: barriers have a bound far below.
const TAIL_BYTES_MAX: u64 = 1 << 30;

/// What a record may hold besides its body, in bytes: heads, tags and URLs are bounded below that where they are read.
const HEAD_BYTES_MAX: u64 = 64 << 20;

/// Why a file is no snapshot, or not whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// It can't be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it was not written by Larder")]
    NotOurs,
    /// It has another form.
    #[error("it was written by another version")]
    UnknownVersion,
    /// Its lengths or hashes are wrong.
    #[error("it is damaged")]
    Damaged,
}

/// Writes a snapshot.
pub(crate) struct SnapshotWriter<W> {
    out: W,
    records: u64,
    records_end: u64,
}

impl<W: Write + Seek> SnapshotWriter<W> {
    /// Begins with an empty file.
    pub(crate) fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(&[0; HEADER_BYTES])?;
        Ok(Self { out, records: 0, records_end: HEADER_BYTES as u64 })
    }

    /// Writes an entry as one that is known to be clear of purges up to `stamp`, and returns its number; none for a part of a
    /// response, which is not kept.
    pub(crate) fn put(&mut self, key: &PrimaryKey, entry: &Entry, stamp: Stamp) -> io::Result<Option<u64>> {
        let Some(value) = codec::encode_at_rest(key, entry, stamp) else { return Ok(None) };
        let Ok(length) = u32::try_from(value.len()) else { return Ok(None) };
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&value)?;
        let number = self.records;
        self.records += 1;
        self.records_end += 4 + u64::from(length);
        Ok(Some(number))
    }

    /// How much was written so far, in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.records_end
    }

    /// Ends it: the records of these numbers are not to be read again, and this is the writer's note.
    pub(crate) fn finish(mut self, gone: &[u64], note: &[u8]) -> io::Result<()> {
        let mut tail = Vec::with_capacity(gone.len() * 8 + note.len());
        tail.extend(gone.iter().flat_map(|number| number.to_be_bytes()));
        tail.extend_from_slice(note);
        self.out.write_all(&tail)?;
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&[VERSION, 0, 0, 0]);
        for number in [self.records, self.records_end, gone.len() as u64, note.len() as u64] {
            header.extend_from_slice(&number.to_be_bytes());
        }
        let checksum = checksum(&header, &tail);
        header.extend_from_slice(&checksum);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()
    }
}

/// A key and its entry, or why they can't be read.
pub(crate) type ReadEntry = Result<(PrimaryKey, Entry), CodecError>;

/// Reads a snapshot, one entry after another.
pub(crate) struct SnapshotReader<R> {
    input: R,
    records: u64,
    next: u64,
    bytes_left: u64,
    gone: HashSet<u64>,
    buffer: Vec<u8>,
}

impl<R: Read + Seek> SnapshotReader<R> {
    /// Reads header and tail. Returns the writer's note besides.
    ///
    /// # Errors
    /// Where it is no snapshot that was written to its end.
    pub(crate) fn open(mut input: R) -> Result<(Self, Vec<u8>), SnapshotError> {
        let file_bytes = input.seek(SeekFrom::End(0))?;
        input.seek(SeekFrom::Start(0))?;
        let mut header = [0; HEADER_BYTES];
        input.read_exact(&mut header).map_err(|_| SnapshotError::NotOurs)?;
        if !header.starts_with(MAGIC) {
            return Err(SnapshotError::NotOurs);
        }
        if header[MAGIC.len()] != VERSION {
            return Err(SnapshotError::UnknownVersion);
        }
        let number = |nth: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[8 + nth * 8..][..8]);
            u64::from_be_bytes(bytes)
        };
        let (records, records_end, gone_count, note_bytes) = (number(0), number(1), number(2), number(3));
        let gone_bytes = gone_count.checked_mul(8).ok_or(SnapshotError::Damaged)?;
        let tail_bytes = gone_bytes.checked_add(note_bytes).filter(|bytes| *bytes <= TAIL_BYTES_MAX);
        let tail_bytes = tail_bytes.ok_or(SnapshotError::Damaged)?;
        let is_whole = records_end.checked_add(tail_bytes) == Some(file_bytes) && records_end >= HEADER_BYTES as u64;
        if !is_whole {
            return Err(SnapshotError::Damaged);
        }
        input.seek(SeekFrom::Start(records_end))?;
        let mut tail = vec![0; usize::try_from(tail_bytes).map_err(|_| SnapshotError::Damaged)?];
        input.read_exact(&mut tail)?;
        let (fields, written) = header.split_at(HEADER_BYTES - CHECKSUM_BYTES);
        if checksum(fields, &tail) != written {
            return Err(SnapshotError::Damaged);
        }
        let note = tail.split_off(usize::try_from(gone_bytes).map_err(|_| SnapshotError::Damaged)?);
        let gone =
            tail.chunks_exact(8).map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        let gone = gone.collect();
        input.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
        let bytes_left = records_end - HEADER_BYTES as u64;
        Ok((Self { input, records, next: 0, bytes_left, gone, buffer: Vec::new() }, note))
    }

    /// How many records there are.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// The next entry that is still good, or why it can't be read; none after the last. Bodies that inflate to more than
    /// `body_bytes_max` are not taken. After an error of the file itself there is no next.
    ///
    /// # Errors
    /// Where the file can't be read on.
    pub(crate) fn next(&mut self, now: Timestamp, body_bytes_max: u64) -> Result<Option<ReadEntry>, SnapshotError> {
        while self.next < self.records {
            let is_gone = self.gone.contains(&self.next);
            self.next += 1;
            let mut length = [0; 4];
            self.take(4)?;
            self.input.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length);
            self.take(u64::from(length))?;
            if u64::from(length) > body_bytes_max.saturating_add(HEAD_BYTES_MAX) {
                self.input.seek_relative(i64::from(length))?;
                return Ok(Some(Err(CodecError::TooLarge)));
            }
            self.buffer.resize(usize::try_from(length).map_err(|_| SnapshotError::Damaged)?, 0);
            self.input.read_exact(&mut self.buffer)?;
            if !is_gone {
                return Ok(Some(codec::decode_keyed(&self.buffer, now, body_bytes_max)));
            }
        }
        Ok(None)
    }

    /// Takes so many bytes off those that records may still have.
    fn take(&mut self, bytes: u64) -> Result<(), SnapshotError> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(SnapshotError::Damaged)?;
        Ok(())
    }
}

fn checksum(header: &[u8], tail: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::Hasher::new().update(header).update(tail).finalize();
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&hash.as_bytes()[..CHECKSUM_BYTES]);
    checksum
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
