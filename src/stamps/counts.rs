//! What came of the stamps that requests presented.

use crate::metric::{Metric, Samples};
use std::sync::atomic::{AtomicU64, Ordering};

const STAMPS: Metric = Metric::counter(
    "larder_stamps_total",
    &["result"],
    "Requests that presented stamps: `reached` at once, `waited` for, `unreached` (the origin was asked), or `invalid` (at least one was ignored).",
);

/// The metrics of stamps.
pub(crate) const METRICS: &[&Metric] = &[&STAMPS];

/// What came of the stamps of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presentation {
    /// This instance had applied them.
    Reached,
    /// It had after a wait.
    Waited,
    /// It had not.
    Unreached,
    /// No secret that is known here has signed one of them.
    Invalid,
}

impl Presentation {
    const ALL: [Self; 4] = [Self::Reached, Self::Waited, Self::Unreached, Self::Invalid];

    const fn label(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Waited => "waited",
            Self::Unreached => "unreached",
            Self::Invalid => "invalid",
        }
    }
}

/// How often each came.
#[derive(Debug, Default)]
pub(crate) struct StampCounts([AtomicU64; Presentation::ALL.len()]);

impl StampCounts {
    /// Counts one.
    pub(crate) fn add(&self, presentation: Presentation) {
        self.0[presentation as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Adds them to what is measured.
    pub(crate) fn sample(&self, samples: &mut Samples) {
        for presentation in Presentation::ALL {
            let count = self.0[presentation as usize].load(Ordering::Relaxed);
            samples.number(&STAMPS, &[presentation.label()], count);
        }
    }
}
