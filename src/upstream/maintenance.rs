//! What is done without a request: connections that have waited too long are closed, and where there is a choice among
//! servers, each is probed by opening a connection.

use super::Shared;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts the task on the runtime of the first request. It ends when the pool is dropped.
pub(super) fn begin(shared: &Arc<Shared>) {
    if !shared.maintained.load(Ordering::Relaxed) && !shared.maintained.swap(true, Ordering::Relaxed) {
        let interval = INTERVAL.min(shared.options.idle_timeout).max(Duration::from_millis(100));
        tokio::spawn(maintain(Arc::downgrade(shared), interval));
    }
}

async fn maintain(shared: Weak<Shared>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(shared) = shared.upgrade() else { return };
        for server in &shared.servers {
            server.drop_expired();
            if shared.servers.len() > 1 && server.probe().await.is_err() {
                server.health.failed(shared.began.elapsed());
            }
        }
    }
}
