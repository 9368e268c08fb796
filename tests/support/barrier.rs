//! A gate that holds whoever comes until the test opens it, and tells the test who has come.

use super::deadline::within;
use std::sync::Arc;
use tokio::sync::watch;

/// A gate. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Barrier {
    open: Arc<watch::Sender<bool>>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Default for Barrier {
    fn default() -> Self {
        Self::new()
    }
}

impl Barrier {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)), waiting: Arc::new(watch::Sender::new(0)) }
    }

    /// Opens the gate, for all who wait and all who come.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits at the gate, as long as it takes: the test that owns it has the deadline.
    pub async fn pass(&self) {
        self.waiting.send_modify(|count| *count += 1);
        let mut open = self.open.subscribe();
        // The sender lives as long as `self`, so the wait can only end by the gate's opening.
        let _ = open.wait_for(|open| *open).await;
    }

    /// Waits until `count` have come to the gate.
    pub async fn reached_by(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        let arrived = waiting.wait_for(|waiting| *waiting >= count);
        within(format_args!("{count} at the barrier"), arrived).await.expect("the barrier holds its own sender");
    }
}
