//! Tells connections that they are to end: all at once where the server ends, one where its place is wanted.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Given once. Cheap to look at: connections look each time they are woken.
#[derive(Debug, Default)]
pub(super) struct EndSignal {
    is_given: AtomicBool,
    given: Notify,
}

impl EndSignal {
    /// Gives the signal and wakes whoever waits for it.
    pub(super) fn give(&self) {
        self.is_given.store(true, Ordering::Release);
        self.given.notify_waiters();
    }

    /// Whether it was given.
    pub(super) fn is_given(&self) -> bool {
        self.is_given.load(Ordering::Acquire)
    }

    /// Resolves once [`Self::give`] is called after the first poll; look at [`Self::is_given`] after that poll.
    pub(super) fn given(&self) -> impl Future<Output = ()> {
        self.given.notified()
    }

    /// Resolves once the signal was given.
    pub(super) async fn wait(&self) {
        let given = self.given.notified();
        if !self.is_given() {
            given.await;
        }
    }
}
