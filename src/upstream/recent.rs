//! What happened in the latest while, counted by kind in a fixed number of slots: the oldest is forgotten as a whole.

use std::time::Duration;

/// How many slots a window has. It ends between the last and the next of them, so it is right to a tenth.
const SLOTS: u32 = 10;

/// Counts of `N` kinds over a sliding window. Times count from any fixed moment.
#[derive(Debug)]
pub(super) struct Recent<const N: usize> {
    slot: Duration,
    slots: [Slot<N>; SLOTS as usize],
}

#[derive(Debug, Clone, Copy)]
struct Slot<const N: usize> {
    number: u128,
    counts: [u32; N],
}

impl<const N: usize> Recent<N> {
    /// Counts over the latest `window`.
    pub(super) fn new(window: Duration) -> Self {
        let slot = (window / SLOTS).max(Duration::from_nanos(1));
        Self { slot, slots: [Slot { number: 0, counts: [0; N] }; SLOTS as usize] }
    }

    fn number(&self, now: Duration) -> u128 {
        now.as_nanos() / self.slot.as_nanos()
    }

    /// Counts one of this kind.
    pub(super) fn add(&mut self, kind: usize, now: Duration) {
        let number = self.number(now);
        let slot = &mut self.slots[usize::try_from(number % u128::from(SLOTS)).unwrap_or(0)];
        if slot.number != number {
            *slot = Slot { number, counts: [0; N] };
        }
        slot.counts[kind] = slot.counts[kind].saturating_add(1);
    }

    /// How many there were of each kind.
    pub(super) fn counts(&self, now: Duration) -> [u32; N] {
        let newest = self.number(now);
        let is_recent = |slot: &&Slot<N>| slot.number <= newest && newest - slot.number < u128::from(SLOTS);
        let mut counts = [0_u32; N];
        for slot in self.slots.iter().filter(is_recent) {
            for (sum, count) in counts.iter_mut().zip(slot.counts) {
                *sum = sum.saturating_add(count);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_not_counted() {
        let mut recent = Recent::<2>::new(Duration::from_secs(10));
        let at = Duration::from_secs;
        assert_eq!(recent.counts(at(0)), [0, 0]);
        recent.add(0, at(0));
        recent.add(0, at(4));
        recent.add(1, at(9));
        let rows = [(9, [2, 1]), (10, [1, 1]), (13, [1, 1]), (14, [0, 1]), (18, [0, 1]), (19, [0, 0]), (1000, [0, 0])];
        for (second, counts) in rows {
            assert_eq!(recent.counts(at(second)), counts, "after {second} s");
        }
        recent.add(1, at(1000));
        assert_eq!(recent.counts(at(1000)), [0, 1], "a slot begins anew");
    }
}
