//! What active checks say of an endpoint: it is down after `fall` misses in a row, and up again after `rise` passes.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the checks have come to. Before the first of them an endpoint is taken to be well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Checked {
    Well,
    /// It answers, but not as expected.
    Unwell,
    /// It gives no answer.
    Unreached,
}

/// Whether that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Fell,
    Rose,
}

/// Whether another endpoint can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    In,
    Out,
}

/// How often in a row it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thresholds {
    pub(super) rise: u32,
    pub(super) fall: u32,
}

/// The checks of one endpoint, of which one runs at a time.
#[derive(Debug)]
pub(super) struct Checks {
    checked: AtomicU8,
    /// Those that went against what is held, in a row; and how many it takes.
    against: Mutex<(u32, Thresholds)>,
}

impl Checks {
    pub(super) const fn new(thresholds: Thresholds) -> Self {
        Self { checked: AtomicU8::new(Checked::Well as u8), against: Mutex::new((0, thresholds)) }
    }

    /// From now on these thresholds hold.
    pub(super) fn judge_by(&self, thresholds: Thresholds) {
        self.against.lock().unwrap_or_else(PoisonError::into_inner).1 = thresholds;
    }

    pub(super) fn checked(&self) -> Checked {
        match self.checked.load(Ordering::Relaxed) {
            well if well == Checked::Well as u8 => Checked::Well,
            unwell if unwell == Checked::Unwell as u8 => Checked::Unwell,
            _ => Checked::Unreached,
        }
    }

    /// A check came to this. Where nobody else can be asked, the first pass counts.
    pub(super) fn note(&self, came_to: Checked, others: Others) -> Change {
        let (before, mut against) = (self.checked(), self.against.lock().unwrap_or_else(PoisonError::into_inner));
        let (against, thresholds) = &mut *against;
        if (before == Checked::Well) == (came_to == Checked::Well) {
            *against = 0;
            // Of one that is down, the latest is what counts.
            self.checked.store(came_to as u8, Ordering::Relaxed);
            return Change::None;
        }
        *against += 1;
        let (enough, change) = match came_to {
            Checked::Well if others == Others::Out => (1, Change::Rose),
            Checked::Well => (thresholds.rise, Change::Rose),
            Checked::Unwell | Checked::Unreached => (thresholds.fall, Change::Fell),
        };
        if *against < enough {
            return Change::None;
        }
        *against = 0;
        self.checked.store(came_to as u8, Ordering::Relaxed);
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the last of these comes to: `+` a pass, `-` no answer, `x` another answer; `!` a pass where no other can be asked.
    fn note(events: &str) -> (Change, Checked) {
        let checks = Checks::new(Thresholds { rise: 2, fall: 3 });
        let mut change = Change::None;
        for event in events.chars() {
            change = match event {
                '-' => checks.note(Checked::Unreached, Others::In),
                'x' => checks.note(Checked::Unwell, Others::In),
                '!' => checks.note(Checked::Well, Others::Out),
                _ => checks.note(Checked::Well, Others::In),
            };
        }
        (change, checks.checked())
    }

    #[test]
    fn it_takes_fall_misses_in_a_row_to_be_down_and_rise_passes_to_be_up_again() {
        let rows = [
            ("+", Change::None, Checked::Well),
            ("--", Change::None, Checked::Well),
            ("--+--", Change::None, Checked::Well),
            ("---", Change::Fell, Checked::Unreached),
            ("--x", Change::Fell, Checked::Unwell),
            ("----", Change::None, Checked::Unreached),
            ("---x", Change::None, Checked::Unwell),
            ("---+", Change::None, Checked::Unreached),
            ("---+-+", Change::None, Checked::Unreached),
            ("---++", Change::Rose, Checked::Well),
            ("---!", Change::Rose, Checked::Well),
            ("---+!", Change::Rose, Checked::Well),
        ];
        for (events, change, checked) in rows {
            assert_eq!(note(events), (change, checked), "{events}");
        }
    }
}
