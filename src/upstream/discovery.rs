//! Where a pool's servers are: pingora's service discovery over the names and addresses of the configuration.
//!
//! A backend is a real address. pingora takes two for the same where address, port and weight are; so two names of one
//! pool at one address are one endpoint, which belongs to the server that is named first.

use super::endpoint::Endpoint;
use super::member::Arrival;
use super::member::Roster;
use super::server::Server;
use futures_util::future::join_all;
use pingora_load_balancing::Backend;
use pingora_load_balancing::discovery::ServiceDiscovery;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct Discovery {
    servers: Vec<Arc<Server>>,
    roster: Arc<Roster>,
    /// What was found last: it stays the same endpoint as long as it is found, or its server's name can't be looked up.
    found: Mutex<HashMap<SocketAddr, Arc<Endpoint>>>,
}

impl Discovery {
    pub(super) fn new(servers: Vec<Arc<Server>>, roster: Arc<Roster>) -> Self {
        Self { servers, roster, found: Mutex::default() }
    }
}

#[async_trait::async_trait]
impl ServiceDiscovery for Discovery {
    async fn discover(&self) -> pingora_error::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let addresses = join_all(self.servers.iter().map(|server| server.addresses())).await;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = HashMap::new();
        let arrival = if found.is_empty() { Arrival::AtFirst } else { Arrival::Later };
        for (server, addresses) in self.servers.iter().zip(addresses) {
            let Some(addresses) = addresses else {
                let known = found.iter().filter(|(_, endpoint)| Arc::ptr_eq(&endpoint.server, server));
                for (address, endpoint) in known {
                    now.entry(*address).or_insert_with(|| Arc::clone(endpoint));
                }
                continue;
            };
            for addresses in addresses {
                let known = found.get(&addresses.known_by()).filter(|known| known.is_at(server, &addresses)).cloned();
                let endpoint =
                    known.unwrap_or_else(|| Arc::new(Endpoint::new(server, addresses.clone(), &self.roster, arrival)));
                now.entry(addresses.known_by()).or_insert(endpoint);
            }
        }
        let backends = now.iter().map(|(address, endpoint)| backend(*address, endpoint)).collect::<Result<_, _>>()?;
        for (address, endpoint) in &*found {
            endpoint.member.find(now.get(address).is_some_and(|now| Arc::ptr_eq(now, endpoint)));
        }
        *found = now;
        Ok((backends, HashMap::new()))
    }
}

fn backend(address: SocketAddr, endpoint: &Arc<Endpoint>) -> pingora_error::Result<Backend> {
    let weight = usize::from(endpoint.server.shared.weight);
    let mut backend = Backend::new_with_weight(&address.to_string(), weight)?;
    backend.ext.insert(Arc::clone(endpoint));
    Ok(backend)
}
