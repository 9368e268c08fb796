//! Whose turn it is among the endpoints that [`super::discovery`] finds.

use super::choosing::{Bound, Candidate, by_turns, least};
use super::discovery::{Discovering, Discovery};
use super::endpoint::Endpoint;
use super::member::Roster;
use super::options::{Balancing, UpstreamOptions};
use super::server::Server;
use super::under_way::UnderWay;
use futures_util::FutureExt;
use pingora_load_balancing::selection::Consistent;
use pingora_load_balancing::{Backend, Backends, LoadBalancer};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two look-ups at the least.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);
/// How many points of the ring there are for each endpoint. So many steps, and it has met nearly all of them.
const RING_POINTS: usize = 160;

pub(super) struct Balance {
    balancing: Balancing,
    /// The endpoints, and the ring by which keys are spread among them.
    balancer: LoadBalancer<Consistent>,
    discovery: Arc<Discovery>,
    /// Locked while one is chosen, so that no two requests take the same turn or the same room.
    choosing: Mutex<()>,
    /// Whether a server is given by name.
    has_names: bool,
    /// How long what was looked up is believed.
    resolve: Duration,
    /// When names were looked up last. Locked while they are.
    looked_up: tokio::sync::Mutex<Option<Instant>>,
    /// Whether something speaks against what was looked up.
    is_doubtful: AtomicBool,
}

/// Who is asked. It counts there from now on.
pub(super) struct Chosen {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) under_way: UnderWay,
}

impl Balance {
    pub(super) fn new(servers: &[Arc<Server>], options: &UpstreamOptions, roster: &Arc<Roster>) -> Self {
        let balance = Self::of(Discovery::new(servers.to_vec(), Arc::clone(roster)), servers, options);
        if !balance.has_names {
            // Addresses are there at once. Names are looked up by the first request.
            let _ = balance.balancer.update().now_or_never();
        }
        balance
    }

    /// Goes on where another ends: what that has found is found still, and names are looked up soon.
    pub(super) fn after(
        before: &Self,
        servers: &[Arc<Server>],
        options: &UpstreamOptions,
        roster: &Arc<Roster>,
    ) -> Self {
        let discovery = Discovery::after(&before.discovery, servers.to_vec(), Arc::clone(roster));
        let balance = Self::of(discovery, servers, options);
        let _ = balance.balancer.update().now_or_never();
        balance.is_doubtful.store(balance.has_names, Ordering::Relaxed);
        balance
    }

    fn of(discovery: Discovery, servers: &[Arc<Server>], options: &UpstreamOptions) -> Self {
        let discovery = Arc::new(discovery);
        Self {
            balancing: options.balancing,
            balancer: LoadBalancer::from_backends(Backends::new(Box::new(Discovering(Arc::clone(&discovery))))),
            discovery,
            choosing: Mutex::default(),
            has_names: servers.iter().any(|server| server.is_named()),
            resolve: options.resolve,
            looked_up: tokio::sync::Mutex::default(),
            is_doubtful: AtomicBool::new(false),
        }
    }

    /// All endpoints.
    pub(super) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.balancer.backends().get_backend().iter().filter_map(endpoint).cloned().collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.balancer.backends().get_backend().len()
    }

    /// Chooses among the endpoints that `accept` takes. The key counts where keys are spread.
    pub(super) fn choose(&self, key: &[u8], accept: impl Fn(&Arc<Endpoint>) -> bool) -> Option<Chosen> {
        let endpoints = self.balancer.backends().get_backend();
        if endpoints.len() == 1 {
            let only = endpoints.iter().find_map(endpoint).filter(|endpoint| accept(endpoint))?;
            return Some(Chosen { endpoint: Arc::clone(only), under_way: UnderWay::at(&only.member) });
        }
        let _choosing = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted: Vec<_> = endpoints.iter().filter_map(endpoint).filter(|endpoint| accept(endpoint)).collect();
        let candidates: Vec<_> = accepted.iter().map(|endpoint| Candidate::of(&endpoint.member)).collect();
        let chosen = match self.balancing {
            Balancing::RoundRobin => by_turns(&candidates),
            Balancing::LeastRequests => least(&candidates),
            Balancing::Consistent => self.named_by(key, &candidates).or_else(|| least(&candidates)),
        }?;
        let at = candidates.iter().position(|candidate| ptr::eq(candidate, chosen))?;
        let under_way = UnderWay::at(chosen.member);
        Some(Chosen { endpoint: Arc::clone(accepted[at]), under_way })
    }

    /// The one that a key names, or the next on the ring that has room for it.
    fn named_by<'a, 'm>(&self, key: &[u8], candidates: &'a [Candidate<'m>]) -> Option<&'a Candidate<'m>> {
        let bound = Bound::of(candidates);
        let candidate = |backend: &Backend| {
            let member = &endpoint(backend)?.member;
            candidates.iter().find(|candidate| Arc::ptr_eq(candidate.member, member))
        };
        let has_room = |backend: &Backend, _| candidate(backend).is_some_and(|candidate| bound.leaves_room(candidate));
        candidate(&self.balancer.select_with(key, self.len() * RING_POINTS, has_room)?)
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
        let is_old = self.looked_up.lock().await.is_some_and(|at| at.elapsed() >= self.resolve);
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
    use crate::upstream::member::Standing;
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::SocketAddr;

    fn balance(urls: &[&str], balancing: Balancing) -> Balance {
        let servers = urls.iter().map(|url| url.parse().unwrap()).collect();
        let options = UpstreamOptions { balancing, ..UpstreamOptions::of(servers) };
        let servers: Vec<_> = options.servers.iter().map(|own| Arc::new(Server::new(own, &options))).collect();
        Balance::new(&servers, &options, &Roster::new(&options))
    }

    const THREE: [&str; 3] = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"];

    fn turn(balance: &Balance, accept: impl Fn(&str) -> bool) -> Option<String> {
        let chosen = balance.choose(b"key", |endpoint| accept(endpoint.server.name()));
        chosen.map(|chosen| chosen.endpoint.server.name().to_string())
    }

    fn keyed(balance: &Balance, key: &str, accept: impl Fn(&str) -> bool) -> Chosen {
        balance.choose(key.as_bytes(), |endpoint| accept(endpoint.server.name())).unwrap()
    }

    #[test]
    fn servers_take_turns_and_refused_ones_are_passed_over() {
        for balancing in [Balancing::RoundRobin, Balancing::LeastRequests] {
            let balance = balance(&THREE, balancing);
            let mut turns: Vec<_> = (0..3).map(|_| turn(&balance, |_| true).unwrap()).collect();
            turns.sort_unstable();
            assert_eq!(turns, ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
            for _ in 0..10 {
                assert_eq!(turn(&balance, |name| name.ends_with('2')).as_deref(), Some("127.0.0.1:2"));
            }
            assert_eq!(turn(&balance, |_| false), None);
        }
    }

    #[test]
    fn one_server_is_always_its_own_turn() {
        for balancing in [Balancing::RoundRobin, Balancing::LeastRequests, Balancing::Consistent] {
            let balance = balance(&THREE[..1], balancing);
            let held: Vec<_> = (0..9).map(|_| keyed(&balance, "key", |_| true)).collect();
            assert_eq!((held.len(), turn(&balance, |_| false)), (9, None));
        }
    }

    #[test]
    fn a_key_has_one_server_and_only_those_of_a_server_that_is_gone_move() {
        let balance = balance(&THREE, Balancing::Consistent);
        let keys: Vec<_> = (0..300).map(|n| format!("/p/{n}")).collect();
        let homes = |accept: &dyn Fn(&str) -> bool| -> Vec<_> {
            keys.iter().map(|key| keyed(&balance, key, accept).endpoint.server.name().to_string()).collect()
        };
        let (all, again) = (homes(&|_| true), homes(&|_| true));
        assert_eq!(all, again);
        let mut counts = BTreeMap::new();
        for home in &all {
            *counts.entry(home).or_insert(0) += 1;
        }
        assert!(counts.len() == 3 && counts.values().all(|count| *count > 50), "{counts:?}");
        let without = homes(&|name| !name.ends_with('2'));
        let moved: BTreeSet<_> = all.iter().zip(&without).filter(|(old, new)| old != new).map(|(old, _)| old).collect();
        assert_eq!(moved.into_iter().collect::<Vec<_>>(), ["127.0.0.1:2"]);
    }

    #[test]
    fn one_hot_key_gives_no_server_more_than_a_quarter_over_its_share() {
        let balance = balance(&THREE, Balancing::Consistent);
        let home = keyed(&balance, "/hot", |_| true).endpoint.server.name().clone();
        let mut held = Vec::new();
        for count in 1..=120_u32 {
            held.push(keyed(&balance, "/hot", |_| true));
            let most = balance.endpoints().iter().map(|endpoint| endpoint.member.under_way()).max().unwrap();
            assert!(f64::from(most) <= (f64::from(count) * 1.25 / 3.0).ceil(), "{most} of {count}");
        }
        let at_home = held.iter().filter(|chosen| *chosen.endpoint.server.name() == home).count();
        assert_eq!(at_home, 50, "and its own server has as many as it may");
        drop(held);
        assert_eq!(*keyed(&balance, "/hot", |_| true).endpoint.server.name(), home);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_an_endpoint_stays_the_same_as_long_as_it_is_found() {
        let balance = balance(&["http://localhost:7", "http://127.0.0.1:8"], Balancing::RoundRobin);
        assert_eq!(balance.len(), 0, "names are looked up by the first request");
        balance.look_up().await;
        let found = balance.endpoints();
        assert_eq!(found.len(), 2, "both families of a name make one endpoint");
        balance.balancer.update().await.unwrap();
        let again = balance.endpoints();
        assert!(found.iter().zip(&again).all(|(one, other)| Arc::ptr_eq(one, other)));
    }

    #[tokio::test]
    async fn an_address_that_has_gone_is_sent_nothing_new_and_one_that_has_come_begins_slowly() {
        let urls = vec!["http://api.invalid:7".parse().unwrap()];
        let slow_start = Duration::from_hours(1);
        let options = UpstreamOptions { slow_start, ..UpstreamOptions::of(urls) };
        let server = Arc::new(Server::new(&options.servers[0], &options));
        let balance = Balance::new(&[Arc::clone(&server)], &options, &Roster::new(&options));
        let tell = |hosts: &[u8]| {
            let addresses = hosts.iter().map(|host| SocketAddr::from(([127, 0, 0, *host], 7))).collect();
            *server.told.lock().unwrap() = Some(addresses);
        };
        let chosen = || balance.choose(b"", |endpoint| endpoint.member.standing() == Standing::In).unwrap();
        tell(&[1, 2]);
        balance.look_up().await;
        let (first, kept) = (chosen(), chosen());
        assert_eq!(
            [&first, &kept].map(|chosen| chosen.endpoint.member.address.to_string()),
            ["127.0.0.1:7", "127.0.0.2:7"]
        );

        tell(&[2, 3]);
        balance.balancer.update().await.unwrap();
        let gone = &first.endpoint.member;
        assert_eq!((gone.is_gone(), gone.standing(), gone.under_way()), (true, Standing::Closed, 1));
        let found = balance.endpoints();
        let new = &found[1].member;
        assert!(Arc::ptr_eq(&found[0], &kept.endpoint) && new.address.to_string() == "127.0.0.3:7");
        assert!((kept.endpoint.member.share() - 1.0).abs() < 0.01 && new.share() < 0.2);
        let asked: BTreeSet<_> = (0..22).map(|_| chosen().endpoint.member.address.to_string()).collect();
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["127.0.0.2:7", "127.0.0.3:7"], "all addresses are used");

        tell(&[1, 2, 3]);
        balance.balancer.update().await.unwrap();
        assert_eq!(balance.len(), 3, "one that is found again is a new one");
        assert!(gone.is_gone() && balance.endpoints().iter().all(|endpoint| !endpoint.member.is_gone()));
    }
}
