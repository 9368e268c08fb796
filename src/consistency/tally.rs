//! The counts of one route.

use super::{AgeBand, Occasion, Verdict};

/// How many were compared, and how many of them were old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Those whose verdict is `same` or `stale`.
    pub(crate) compared: u64,
    /// Those whose verdict is `stale`.
    pub(crate) stale: u64,
}

impl Compared {
    fn and(self, other: Self) -> Self {
        Self { compared: self.compared + other.compared, stale: self.stale + other.stale }
    }
}

/// The counts of one route.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    verdicts: [u64; Verdict::ALL.len()],
    hits: [Compared; AgeBand::COUNT],
    after_purges: [Compared; AgeBand::COUNT],
}

impl Tally {
    pub(super) fn count(&mut self, occasion: Occasion, age: AgeBand, verdict: Verdict) {
        self.verdicts[verdict as usize] += 1;
        let by_age = match occasion {
            Occasion::Hit => &mut self.hits,
            Occasion::AfterPurge => &mut self.after_purges,
        };
        let compared = &mut by_age[age.index()];
        match verdict {
            Verdict::Same => compared.compared += 1,
            Verdict::Stale => {
                compared.compared += 1;
                compared.stale += 1;
            }
            _ => {}
        }
    }

    /// How many had this verdict.
    pub(crate) const fn verdicts(&self, verdict: Verdict) -> u64 {
        self.verdicts[verdict as usize]
    }

    /// Those of one band of ages.
    pub(crate) const fn of_age(&self, occasion: Occasion, age: AgeBand) -> Compared {
        match occasion {
            Occasion::Hit => self.hits[age.index()],
            Occasion::AfterPurge => self.after_purges[age.index()],
        }
    }

    /// Those of every age.
    pub(crate) fn of(&self, occasion: Occasion) -> Compared {
        AgeBand::all().map(|age| self.of_age(occasion, age)).fold(Compared::default(), Compared::and)
    }
}
