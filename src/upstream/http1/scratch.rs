//! What is read into: one buffer for each thread, which nobody holds for longer than a look.

use std::cell::Cell;

/// Bytes that are read at once.
const BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends the thread's buffer. What is in it means nothing before it is written.
pub(super) fn with<R>(look: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut scratch = SCRATCH.take().unwrap_or_else(|| vec![0; BYTES].into_boxed_slice());
    let result = look(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}
