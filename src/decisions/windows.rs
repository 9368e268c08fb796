//! What was counted over the last minute, ten minutes and hour, in fixed memory: pieces of five seconds, which are merged into
//! those of a minute once they are over, and these into those of five minutes.

use crate::clock::Timestamp;
use std::collections::VecDeque;

/// What is counted in pieces.
pub(super) trait Piece: Default {
    /// Adds what another has counted.
    fn merge(&mut self, other: &Self);
}

/// How far back it is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// A minute.
    Minute,
    /// Ten minutes.
    TenMinutes,
    /// An hour.
    Hour,
}

impl Window {
    /// As it is written.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::TenMinutes => "10m",
            Self::Hour => "1h",
        }
    }
}

/// The seconds of a piece at each level, and how many pieces make the window of that level.
const LEVELS: [(u64, u64); 3] = [(5, 12), (60, 10), (300, 12)];

/// The pieces.
pub(super) struct Windows<P>([Level<P>; LEVELS.len()]);

/// The pieces of one length, oldest first.
struct Level<P> {
    /// Each with the number of its time since the epoch.
    pieces: VecDeque<(u64, P)>,
    /// Pieces from this number on are not yet merged into the next level.
    unmerged: u64,
}

impl<P> Default for Windows<P> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Level { pieces: VecDeque::new(), unmerged: 0 }))
    }
}

/// The number of the first piece that a window still reaches.
const fn oldest(level: usize, now: Timestamp) -> u64 {
    let (seconds, count) = LEVELS[level];
    (now.as_secs() / seconds + 1).saturating_sub(count)
}

impl<P: Piece> Windows<P> {
    /// The piece to count into at this time, which is never earlier than the last.
    pub(super) fn current(&mut self, now: Timestamp) -> &mut P {
        self.turn(now);
        self.0[0].piece(now.as_secs() / LEVELS[0].0)
    }

    /// What the window holds, and from when on. That is up to one piece less long ago than its name says.
    pub(super) fn read(&mut self, window: Window, now: Timestamp) -> (P, Timestamp) {
        self.turn(now);
        let level = window as usize;
        let oldest = oldest(level, now);
        let mut sum = P::default();
        let within = self.0[level].pieces.iter().filter(|(number, _)| *number >= oldest);
        within.for_each(|(_, piece)| sum.merge(piece));
        for below in &self.0[..level] {
            let unmerged = below.pieces.iter().filter(|(number, _)| *number >= below.unmerged);
            unmerged.for_each(|(_, piece)| sum.merge(piece));
        }
        (sum, Timestamp::from_secs(oldest * LEVELS[level].0))
    }

    /// Merges upwards what is over, and drops what no window reaches.
    fn turn(&mut self, now: Timestamp) {
        for (level, (seconds, _)) in LEVELS.into_iter().enumerate() {
            let over = now.as_secs() / seconds;
            let (lower, upper) = self.0.split_at_mut(level + 1);
            let Level { pieces, unmerged } = &mut lower[level];
            if let (Some(above), Some((seconds_above, _))) = (upper.first_mut(), LEVELS.get(level + 1)) {
                for (number, piece) in pieces.iter().filter(|(number, _)| (*unmerged..over).contains(number)) {
                    above.piece(number * seconds / seconds_above).merge(piece);
                }
                *unmerged = over.max(*unmerged);
            }
            while pieces.front().is_some_and(|(number, _)| *number < oldest(level, now)) {
                pieces.pop_front();
            }
        }
    }
}

impl<P: Piece> Level<P> {
    /// The piece with this number, which is that of the last or a later one.
    fn piece(&mut self, number: u64) -> &mut P {
        if self.pieces.back().is_none_or(|(last, _)| *last < number) {
            self.pieces.push_back((number, P::default()));
        }
        &mut self.pieces.back_mut().expect("one was added where there was none").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Piece for Vec<u64> {
        fn merge(&mut self, other: &Self) {
            self.extend(other);
        }
    }

    proptest! {
        #[test]
        fn a_window_holds_all_since_its_begin_once_and_nothing_before(
            steps in proptest::collection::vec(0_u64..400, 1..60), last in 0_u64..400, start in 1_700_000_000_u64..1_700_001_000,
        ) {
            let mut windows = Windows::<Vec<u64>>::default();
            let mut now = start;
            let mut counted = Vec::new();
            for step in steps {
                now += step;
                windows.current(Timestamp::from_secs(now)).push(now);
                counted.push(now);
            }
            now += last;
            for (window, seconds, piece) in [(Window::Minute, 60, 5), (Window::TenMinutes, 600, 60), (Window::Hour, 3600, 300)] {
                let (mut held, from) = windows.read(window, Timestamp::from_secs(now));
                held.sort_unstable();
                let expected: Vec<u64> = counted.iter().copied().filter(|at| *at >= from.as_secs()).collect();
                prop_assert_eq!(held, expected, "{:?}", window);
                let back = now - from.as_secs();
                prop_assert!(back <= seconds && back + piece >= seconds, "{} of {}", back, seconds);
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut windows = Windows::<Vec<u64>>::default();
        for now in (0..100_000).step_by(3) {
            windows.current(Timestamp::from_secs(now));
        }
        let pieces: Vec<_> = windows.0.iter().map(|level| level.pieces.len()).collect();
        assert!(pieces.iter().zip(LEVELS).all(|(have, (_, count))| *have as u64 <= count), "{pieces:?}");
    }
}
