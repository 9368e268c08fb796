//! What all endpoints of one server have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

/// What all endpoints of one server have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// The server as it is configured, for the log.
    pub(super) name: Arc<str>,
    weight: AtomicU16,
    /// Whether it is being drained: it is sent no new request.
    pub(super) draining: AtomicBool,
    /// How often an endpoint was taken out for what became of requests.
    pub(super) ejections: AtomicU64,
    /// How often one failed its checks so often that it is not asked.
    pub(super) falls: AtomicU64,
}

impl Shared {
    pub(super) fn new(name: &Arc<str>, weight: u16) -> Arc<Self> {
        let (ejections, falls) = (AtomicU64::new(0), AtomicU64::new(0));
        let (weight, draining) = (AtomicU16::new(weight), AtomicBool::new(false));
        Arc::new(Self { name: Arc::clone(name), weight, draining, ejections, falls })
    }

    pub(super) fn weight(&self) -> u16 {
        self.weight.load(Ordering::Relaxed)
    }

    /// From now on it has this weight.
    pub(super) fn weigh(&self, weight: u16) {
        self.weight.store(weight, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
