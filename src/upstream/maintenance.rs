//! What is done without a request: connections that have waited too long are closed, and a server that has been taken
//! out is probed by opening a connection once its time is over, before a request tries it.

use super::Shared;
use super::health::Reach;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often, at least.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts the task on the runtime of the first request. It ends when the pool is dropped.
pub(super) fn begin(shared: &Arc<Shared>) {
    if !shared.maintained.load(Ordering::Relaxed) && !shared.maintained.swap(true, Ordering::Relaxed) {
        let interval = INTERVAL.min(shared.options.idle_timeout).min(shared.options.eject.pause / 4);
        let interval = interval.max(Duration::from_millis(50));
        tokio::spawn(maintain(Arc::downgrade(shared), interval));
    }
}

async fn maintain(shared: Weak<Shared>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(shared) = shared.upgrade() else { return };
        for (index, server) in shared.servers.iter().enumerate() {
            server.connections.drop_expired();
            if shared.roster.wants_probe(index) {
                let reach = if server.probe().await.is_ok() { Reach::Reached } else { Reach::Unknown };
                shared.roster.probed(index, reach);
            }
        }
    }
}
