//! The last decisions, in rows as they were handed over. Readers take the rows and read them without holding anybody up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many decisions are kept at least,
const DECISIONS_MIN: u64 = 10_000;

/// but no more bytes of them, where their texts are long.
const BYTES_MAX: usize = 8 << 20;

/// Decisions in a row.
pub(crate) struct Row {
    /// The number of the first, counted from the feed's begin.
    first: u64,
    decisions: u32,
    pub(crate) bytes: Vec<u8>,
}

/// The rows.
#[derive(Default)]
pub(super) struct Kept(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    rows: VecDeque<Arc<Row>>,
    /// The number of the next decision.
    next: u64,
    bytes: usize,
}

impl Kept {
    /// Adds a row, and gives back the memory of one that is kept no longer, if any.
    pub(super) fn push(&self, bytes: Vec<u8>, decisions: u32) -> Option<Vec<u8>> {
        let mut held = self.locked();
        let row = Row { first: held.next, decisions, bytes };
        held.next += u64::from(decisions);
        held.bytes += row.bytes.capacity();
        held.rows.push_back(Arc::new(row));
        let mut spare = None;
        while let Some(oldest) = held.pop_spent() {
            spare = Arc::into_inner(oldest).map(|row| row.bytes).or(spare);
        }
        spare
    }

    /// The rows from decision number `next` on, how many were dropped before they could be read, and the number
    /// to go on from.
    pub(super) fn since(&self, next: u64) -> (Vec<Arc<Row>>, u64, u64) {
        let held = self.locked();
        let from = held.rows.partition_point(|row| row.first < next);
        let rows: Vec<_> = held.rows.range(from..).map(Arc::clone).collect();
        let missed = rows.first().map_or(0, |row| row.first.saturating_sub(next));
        (rows, missed, held.next)
    }

    fn locked(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// Takes the oldest row out where the others suffice, or are more than there is room for.
    fn pop_spent(&mut self) -> Option<Arc<Row>> {
        let oldest = self.rows.front()?;
        let others = self.next - oldest.first - u64::from(oldest.decisions);
        if self.rows.len() < 2 || (others < DECISIONS_MIN && self.bytes <= BYTES_MAX) {
            return None;
        }
        self.bytes -= oldest.bytes.capacity();
        self.rows.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_kept_as_are_promised_in_as_much_memory() {
        let kept = Kept::default();
        for _ in 0..300 {
            kept.push(vec![0; 1_000], 100);
        }
        let (rows, missed, next) = kept.since(0);
        assert_eq!((rows.len(), missed, next), (100, 20_000, 30_000));
        for _ in 0..300 {
            kept.push(vec![0; 1 << 20], 100);
        }
        let (rows, ..) = kept.since(0);
        assert_eq!(rows.len(), 8, "each of them is a mebibyte");
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped_and_learns_what_it_missed() {
        let kept = Kept::default();
        kept.push(vec![1], 1);
        let (rows, missed, next) = kept.since(0);
        assert_eq!((rows.len(), missed, next), (1, 0, 1));
        assert!(kept.since(next).0.is_empty());
        for _ in 0..200 {
            kept.push(vec![2], 100);
        }
        let (rows, missed, next) = kept.since(next);
        assert_eq!((rows.len(), missed, next), (100, 10_000, 20_001));
    }

    #[test]
    fn the_memory_of_what_is_kept_no_longer_is_used_again() {
        let kept = Kept::default();
        assert!(kept.push(Vec::with_capacity(64), 10_000).is_none());
        let spare = kept.push(Vec::with_capacity(8), 10_000).unwrap();
        assert_eq!(spare.capacity(), 64);
        let read = kept.since(0).0;
        assert!(kept.push(Vec::new(), 10_000).is_none(), "a reader still has it");
        drop(read);
    }
}
