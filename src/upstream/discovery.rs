//! Where a pool's servers are: pingora's service discovery over the names and addresses of the configuration.
//!
//! A backend is a real address. pingora takes two for the same where address, port and weight are; so two names of one
//! pool at one address are one endpoint, which belongs to the server that is named first.

use super::endpoint::Endpoint;
use super::member::Arrival;
use super::member::Roster;
use super::server::{Addresses, Server};
use futures_util::future::join_all;
use pingora_load_balancing::Backend;
use pingora_load_balancing::discovery::ServiceDiscovery;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Discovery {
    servers: Vec<Arc<Server>>,
    roster: Arc<Roster>,
    found: Mutex<Found>,
}

/// What was found last: it stays the same endpoint as long as it is found, or its server's name can't be looked up.
type Endpoints = HashMap<SocketAddr, Arc<Endpoint>>;

enum Found {
    Last(Endpoints),
    /// By other options, which those that are found are not held to yet.
    Before(Endpoints),
    /// Others find them from now on.
    NoMore(Endpoints),
}

impl Discovery {
    pub(super) fn new(servers: Vec<Arc<Server>>, roster: Arc<Roster>) -> Self {
        Self { servers, roster, found: Mutex::new(Found::Last(HashMap::new())) }
    }

    /// Goes on where another ends. The first time, no names are looked up.
    pub(super) fn after(before: &Self, servers: Vec<Arc<Server>>, roster: Arc<Roster>) -> Self {
        let mut found = before.found();
        let (Found::Last(last) | Found::Before(last) | Found::NoMore(last)) = &*found;
        let last = last.clone();
        *found = Found::NoMore(last.clone());
        Self { servers, roster, found: Mutex::new(Found::Before(last)) }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where each server is; `None` if that can't be looked up now.
    async fn addresses(&self) -> Vec<Option<Vec<Addresses>>> {
        if matches!(*self.found(), Found::Before(_)) {
            return self.servers.iter().map(|server| server.fixed_addresses()).collect();
        }
        join_all(self.servers.iter().map(|server| server.addresses())).await
    }

    /// The endpoints at these addresses, among which those are that are known already.
    fn endpoints(&self, known: &Endpoints, addresses: Vec<Option<Vec<Addresses>>>) -> Endpoints {
        let mut now = HashMap::new();
        let arrival = if known.is_empty() { Arrival::AtFirst } else { Arrival::Later };
        for (server, addresses) in self.servers.iter().zip(addresses) {
            let Some(addresses) = addresses else {
                for (address, endpoint) in known.iter().filter(|(_, endpoint)| endpoint.server.is(server)) {
                    now.entry(*address).or_insert_with(|| endpoint.of(server));
                }
                continue;
            };
            for addresses in addresses {
                let known = known.get(&addresses.known_by()).filter(|known| known.is_at(server, &addresses));
                let new = || Arc::new(Endpoint::new(server, addresses.clone(), &self.roster, arrival));
                now.entry(addresses.known_by()).or_insert_with(|| known.map_or_else(new, |known| known.of(server)));
            }
        }
        now
    }
}

/// The same for pingora.
pub(super) struct Discovering(pub(super) Arc<Discovery>);

#[async_trait::async_trait]
impl ServiceDiscovery for Discovering {
    async fn discover(&self) -> pingora_error::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let discovery = &self.0;
        let addresses = discovery.addresses().await;
        let mut found = discovery.found();
        let known = match &*found {
            Found::Last(known) | Found::Before(known) => known,
            Found::NoMore(known) => return Ok((backends(known)?, HashMap::new())),
        };
        let now = discovery.endpoints(known, addresses);
        let backends = backends(&now)?;
        if let Found::Last(known) = &*found {
            for (address, endpoint) in known {
                endpoint.member.find(now.get(address).is_some_and(|now| now.is(endpoint)));
            }
        }
        *found = Found::Last(now);
        Ok((backends, HashMap::new()))
    }
}

fn backends(endpoints: &Endpoints) -> pingora_error::Result<BTreeSet<Backend>> {
    endpoints.iter().map(|(address, endpoint)| backend(*address, endpoint)).collect()
}

fn backend(address: SocketAddr, endpoint: &Arc<Endpoint>) -> pingora_error::Result<Backend> {
    let weight = usize::from(endpoint.server.shared.weight());
    let mut backend = Backend::new_with_weight(&address.to_string(), weight)?;
    backend.ext.insert(Arc::clone(endpoint));
    Ok(backend)
}
