//! What is done without a request: connections that have waited too long are closed, names are looked up again, and an
//! endpoint that has been taken out is probed by opening a connection once its time is over, before a request tries it.

use super::health::Reach;
use super::pool::Pool;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often, at least.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts the task on the runtime of the first request. It ends when the pool is dropped.
pub(super) fn begin(pool: &Arc<Pool>) {
    if !pool.maintained.load(Ordering::Relaxed) && !pool.maintained.swap(true, Ordering::Relaxed) {
        let interval = INTERVAL.min(pool.options.idle_timeout).min(pool.options.eject.pause / 4);
        let interval = interval.max(Duration::from_millis(50));
        tokio::spawn(maintain(Arc::downgrade(pool), interval));
    }
}

async fn maintain(pool: Weak<Pool>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(pool) = pool.upgrade() else { return };
        for endpoint in pool.balance.endpoints() {
            endpoint.connections.drop_expired();
            if endpoint.member.wants_probe() {
                let reach = if endpoint.probe().await.is_ok() { Reach::Reached } else { Reach::Unknown };
                endpoint.member.probed(reach);
            }
        }
        if pool.servers.iter().any(|server| server.is_lost()) {
            pool.balance.doubt();
        }
        pool.balance.look_up_if_due().await;
    }
}
