//! A network that takes the same time each way, until it is cut.

use super::{Passage, Wire};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How a message passes: at once unless it is said otherwise.
#[derive(Debug, Default)]
pub(crate) struct Cable {
    way: Duration,
    is_cut: AtomicBool,
}

impl Cable {
    /// One that a message takes so long to pass.
    pub(crate) fn of(way: Duration) -> Self {
        Self { way, is_cut: AtomicBool::new(false) }
    }

    /// Lets nothing pass from now on.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Lets messages pass again.
    pub(crate) fn mend(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }
}

impl Wire for Cable {
    fn next(&self) -> Passage {
        if self.is_cut.load(Ordering::Relaxed) {
            return Passage::LostThere;
        }
        Passage::Through { there: self.way, back: self.way }
    }
}
