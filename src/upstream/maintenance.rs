//! What is done without a request: connections that have waited too long are closed, names are looked up again, and
//! whatever endpoint is found is watched.

use super::endpoint::Endpoint;
use super::pool::Pool;
use super::probing;
use arc_swap::ArcSwap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::JoinSet;

/// How often, at least.
const INTERVAL: Duration = Duration::from_secs(1);

/// Never ends.
pub(super) async fn maintain(latest: &ArcSwap<Pool>) {
    let mut watched = Watched::default();
    loop {
        let pool = latest.load_full();
        let interval = INTERVAL.min(pool.options.idle_timeout).max(Duration::from_millis(50));
        let is_unreached = |endpoint: &Arc<Endpoint>| endpoint.member.is_unreached();
        if pool.servers.iter().any(|server| server.is_lost()) || pool.balance.endpoints().iter().any(is_unreached) {
            pool.balance.doubt();
        }
        pool.balance.look_up_if_due().await;
        for endpoint in pool.balance.endpoints() {
            endpoint.connections.drop_expired();
            watched.add(&endpoint, &pool);
        }
        watched.clear();
        drop(pool);
        tokio::time::sleep(interval).await;
    }
}

/// The endpoints that are watched, each by a task that ends with it.
#[derive(Default)]
struct Watched {
    endpoints: Vec<Weak<Endpoint>>,
    tasks: JoinSet<()>,
}

impl Watched {
    fn add(&mut self, endpoint: &Arc<Endpoint>, pool: &Pool) {
        let endpoint = Arc::downgrade(endpoint);
        if !self.endpoints.iter().any(|watched| watched.ptr_eq(&endpoint)) {
            self.endpoints.push(Weak::clone(&endpoint));
            self.tasks.spawn(probing::watch(endpoint, pool.options.health.clone(), pool.options.eject));
        }
    }

    /// Forgets those that are gone. A panic of a task is one of the upkeep, which begins anew.
    fn clear(&mut self) {
        self.endpoints.retain(|watched| watched.strong_count() > 0);
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}
