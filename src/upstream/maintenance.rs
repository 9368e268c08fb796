//! What is done without a request: connections that have waited too long are closed, names are looked up again, and an
//! endpoint that has been taken out is probed by opening a connection once its time is over, before a request tries it.

use super::health::Reach;
use super::pool::Pool;
use std::time::Duration;

/// How often, at least.
const INTERVAL: Duration = Duration::from_secs(5);

/// Never ends.
pub(super) async fn maintain(pool: &Pool) {
    let interval = INTERVAL.min(pool.options.idle_timeout).min(pool.options.eject.pause / 4);
    let interval = interval.max(Duration::from_millis(50));
    loop {
        tokio::time::sleep(interval).await;
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
