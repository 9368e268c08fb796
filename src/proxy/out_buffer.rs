//! The buffer in which a thread makes heads: used again for one answer after another, and taken along by an answer that
//! can't be written at once. A connection that has nothing to write holds none.

use std::cell::Cell;

/// A body of this size is copied behind its head: one buffer costs the kernel less than two.
pub(super) const COPIED_BYTES_MAX: usize = 4 * 1024;

/// A longer body is written in pieces of this size, one after another: at 128 KiB half the processor time of one write
/// (bench/tried.md), and pieces of 24 to 48 KiB differ little.
pub(super) const PIECE_BYTES: usize = 48 * 1024;

/// How much of a buffer is kept for the next answer.
const KEPT_BYTES_MAX: usize = 4 * COPIED_BYTES_MAX;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The thread's buffer, empty.
pub(super) fn take() -> Vec<u8> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    buffer
}

/// Gives a buffer back, to whichever thread this is.
pub(super) fn give_back(buffer: Vec<u8>) {
    if buffer.capacity() > 0 && buffer.capacity() <= KEPT_BYTES_MAX {
        BUFFER.set(buffer);
    }
}
