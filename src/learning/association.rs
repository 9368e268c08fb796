//! Whether answers change with something more often than chance would have it: Fisher's exact test, one-sided.

/// Answers in a row, by whether something differs between their requests and whether they differ themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) differs_changed: usize,
    pub(super) differs_same: usize,
    pub(super) equal_changed: usize,
    pub(super) equal_same: usize,
}

/// Below this probability it is no chance. Many tables are looked at in one session.
const SIGNIFICANT: f64 = 0.000_01;

/// So many pairs of answers show that something changes nothing.
pub(super) const PROOFS: usize = 5;

impl Table {
    pub(super) const fn count(&mut self, differs: bool, changed: bool) {
        let cell = match (differs, changed) {
            (true, true) => &mut self.differs_changed,
            (true, false) => &mut self.differs_same,
            (false, true) => &mut self.equal_changed,
            (false, false) => &mut self.equal_same,
        };
        *cell += 1;
    }

    /// Whether answers change where it differs, more often than chance would have it.
    pub(super) fn is_associated(&self) -> bool {
        self.differs_changed > 0 && self.probability() < SIGNIFICANT
    }

    /// How probable it is that so many changes, or more, fall where it differs, if it has no part in them.
    fn probability(&self) -> f64 {
        let differs = self.differs_changed + self.differs_same;
        let changed = self.differs_changed + self.equal_changed;
        let all = differs + self.equal_changed + self.equal_same;
        let most = differs.min(changed);
        let whole = ln_choose(all, changed);
        let of = |count: usize| {
            let others = changed - count;
            // What can't be has no probability.
            if others > all - differs {
                return 0.0;
            }
            (ln_choose(differs, count) + ln_choose(all - differs, others) - whole).exp()
        };
        (self.differs_changed..=most).map(of).sum()
    }
}

/// The logarithm of the number of ways to choose some of all.
fn ln_choose(all: usize, some: usize) -> f64 {
    ln_factorial(all) - ln_factorial(some) - ln_factorial(all - some)
}

/// Stirling's series, exact enough from 1 on.
#[allow(clippy::cast_precision_loss)] // Counts of answers are far below 2^52.
fn ln_factorial(number: usize) -> f64 {
    if number < 2 {
        return 0.0;
    }
    let n = number as f64;
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(differs_changed: usize, differs_same: usize, equal_changed: usize, equal_same: usize) -> Table {
        Table { differs_changed, differs_same, equal_changed, equal_same }
    }

    #[test]
    fn the_lady_tasting_tea_guesses_all_four_by_one_chance_in_seventy() {
        assert!((table(4, 0, 0, 4).probability() - 1.0 / 70.0).abs() < 1e-4);
        assert!((table(3, 1, 1, 3).probability() - 17.0 / 70.0).abs() < 1e-4);
    }

    #[test]
    fn what_has_no_part_in_changes_is_not_associated() {
        for (table, expected) in [
            (table(5, 0, 0, 100), true),
            (table(5, 95, 5, 95), false),
            (table(0, 50, 10, 90), false),
            (table(2, 0, 1, 3), false),
            (table(500, 500, 0, 5_000), true),
            (Table::default(), false),
        ] {
            assert_eq!(table.is_associated(), expected, "{table:?}");
        }
    }
}
