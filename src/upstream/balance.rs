//! Whose turn it is: pingora's selection among the endpoints that [`super::discovery`] finds.

use super::discovery::Discovery;
use super::endpoint::Endpoint;
use super::roster::Roster;
use super::server::Server;
use futures_util::FutureExt;
use pingora_load_balancing::selection::RoundRobin;
use pingora_load_balancing::{Backend, Backends, LoadBalancer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long what was looked up is believed.
const LOOK_UP: Duration = Duration::from_secs(30);
/// Time between two look-ups at the least.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Balance {
    balancer: LoadBalancer<RoundRobin>,
    /// Whether a server is given by name.
    has_names: bool,
    /// When names were looked up last. Locked while they are.
    looked_up: Mutex<Option<Instant>>,
    /// Whether something speaks against what was looked up.
    is_doubtful: AtomicBool,
}

impl Balance {
    pub(super) fn new(servers: &[Arc<Server>], roster: &Arc<Roster>) -> Self {
        let has_names = servers.iter().any(|server| server.is_named());
        let discovery = Discovery::new(servers.to_vec(), Arc::clone(roster));
        let balancer = LoadBalancer::from_backends(Backends::new(Box::new(discovery)));
        if !has_names {
            // Addresses are there at once. Names are looked up by the first request.
            let _ = balancer.update().now_or_never();
        }
        Self { balancer, has_names, looked_up: Mutex::default(), is_doubtful: AtomicBool::new(false) }
    }

    /// All endpoints.
    pub(super) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.balancer.backends().get_backend().iter().filter_map(endpoint).cloned().collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.balancer.backends().get_backend().len()
    }

    /// The next endpoint that `accept` takes.
    pub(super) fn next(&self, accept: impl Fn(&Arc<Endpoint>) -> bool) -> Option<Arc<Endpoint>> {
        let backends = self.balancer.backends().get_backend();
        if backends.len() < 2 {
            return backends.first().and_then(endpoint).filter(|only| accept(only)).cloned();
        }
        // Requests that choose at the same time move each other's turn on, so one may meet an endpoint twice before it
        // has met them all; hence more steps than endpoints.
        let steps_max = backends.len() * 4;
        let backend = self.balancer.select_with(b"", steps_max, |backend, _| endpoint(backend).is_some_and(&accept))?;
        endpoint(&backend).cloned()
    }

    /// Looks the names up again, where there are any and that was not done a moment ago.
    pub(super) async fn look_up(&self) {
        if !self.has_names {
            return;
        }
        let mut looked_up = self.looked_up.lock().await;
        if looked_up.is_some_and(|at| at.elapsed() < LOOK_UP_PAUSE) {
            return;
        }
        self.is_doubtful.store(false, Ordering::Relaxed);
        if let Err(error) = self.balancer.update().await {
            tracing::warn!(%error, "what was looked up of the upstream servers can't be used");
        }
        *looked_up = Some(Instant::now());
    }

    /// Looks the names up where it is time to.
    pub(super) async fn look_up_if_due(&self) {
        let is_old = self.looked_up.lock().await.is_some_and(|at| at.elapsed() >= LOOK_UP);
        if is_old || self.is_doubtful.load(Ordering::Relaxed) || self.len() == 0 {
            self.look_up().await;
        }
    }

    /// Whether a look-up may find other endpoints.
    pub(super) const fn has_names(&self) -> bool {
        self.has_names
    }

    /// A server is not where it was looked up: that is done again soon.
    pub(super) fn doubt(&self) {
        self.is_doubtful.store(true, Ordering::Relaxed);
    }
}

fn endpoint(backend: &Backend) -> Option<&Arc<Endpoint>> {
    backend.ext.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::options::UpstreamOptions;

    fn balance(urls: &[&str]) -> Balance {
        let options = UpstreamOptions::of(urls.iter().map(|url| url.parse().unwrap()).collect());
        let servers: Vec<_> = options.servers.iter().map(|url| Arc::new(Server::new(url.clone(), &options))).collect();
        Balance::new(&servers, &Roster::new(options.eject))
    }

    fn turn(balance: &Balance, accept: impl Fn(&str) -> bool) -> Option<String> {
        balance.next(|endpoint| accept(endpoint.server.name())).map(|endpoint| endpoint.server.name().to_string())
    }

    #[test]
    fn servers_take_turns_and_refused_ones_are_passed_over() {
        let balance = balance(&["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]);
        let mut turns: Vec<_> = (0..3).map(|_| turn(&balance, |_| true).unwrap()).collect();
        turns.sort_unstable();
        assert_eq!(turns, ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        for _ in 0..10 {
            assert_eq!(turn(&balance, |name| name.ends_with('2')).as_deref(), Some("127.0.0.1:2"));
        }
        assert_eq!(turn(&balance, |_| false), None);
    }

    #[test]
    fn one_server_is_always_its_own_turn() {
        let balance = balance(&["http://127.0.0.1:1"]);
        assert_eq!((turn(&balance, |_| true).is_some(), turn(&balance, |_| false)), (true, None));
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_an_endpoint_stays_the_same_as_long_as_it_is_found() {
        let balance = balance(&["http://localhost:7", "http://127.0.0.1:8"]);
        assert_eq!(balance.len(), 0, "names are looked up by the first request");
        balance.look_up().await;
        let found = balance.endpoints();
        assert_eq!(found.len(), 2, "both families of a name make one endpoint");
        balance.balancer.update().await.unwrap();
        let again = balance.endpoints();
        assert!(found.iter().zip(&again).all(|(one, other)| Arc::ptr_eq(one, other)));
    }
}
