//! What is counted of the purges at CDNs.

use super::Cdns;
use crate::metric::{Measured, Metric, Samples};
use std::sync::atomic::{AtomicU64, Ordering};

const PURGES: Metric = Metric::counter(
    "larder_cdn_purges_total",
    &["cdn", "result"],
    "Calls to a CDN's API: `done`, or `failed` and made again; and `widened`: purges of everything in place of what it can't be asked for.",
);

const LAG: Metric = Metric::gauge(
    "larder_cdn_lag_seconds",
    &["cdn"],
    "How long the oldest purge waits to be made at a CDN; 0 where none does, and at instances that don't make them.",
);

/// The metrics of CDNs.
pub(crate) const METRICS: &[&Metric] = &[&PURGES, &LAG];

/// The counts of one CDN.
#[derive(Debug, Default)]
pub(super) struct Counts {
    done: AtomicU64,
    failed: AtomicU64,
    widened: AtomicU64,
}

impl Counts {
    pub(super) fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn widened(&self) {
        self.widened.fetch_add(1, Ordering::Relaxed);
    }
}

impl Measured for Cdns {
    fn sample(&self, samples: &mut Samples) {
        for worker in &self.workers {
            let Counts { done, failed, widened } = &worker.counts;
            let counts = [("done", done), ("failed", failed), ("widened", widened)];
            let name = worker.options.name.as_str();
            samples.numbers(&PURGES, &[name], counts.map(|(result, count)| (result, count.load(Ordering::Relaxed))));
            samples.time(&LAG, &[name], worker.lag());
        }
    }
}
