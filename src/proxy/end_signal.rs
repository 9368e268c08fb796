//! Tells connections that they are to end: all at once where the server ends, one where its place is wanted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long a connection over which nothing has come yet is kept after the end: as long as a handshake may take to the far
/// side of the world and back, twice.
const NEWCOMERS_LINGER: Duration = Duration::from_secs(2);

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

    /// Resolves so long after the signal was given that a client which connected before has sent its first request, if it
    /// means to: nothing tells such a client that it may send it again elsewhere.
    pub(super) async fn heard_by_newcomers(&self) {
        self.wait().await;
        sleep(NEWCOMERS_LINGER).await;
    }
}
