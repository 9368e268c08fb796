//! Whether each server can be reached, tried once and without a request of a client: `larder check --connect`.

use super::endpoint::Endpoint;
use super::member::{Arrival, Roster};
use super::options::UpstreamOptions;
use super::server::Server;
use futures_util::future::join_all;
use std::sync::Arc;

/// What came of trying a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// As it is configured.
    pub server: String,
    /// Why one of its addresses can't be used, the first of them; `None` if all can.
    pub failed: Option<String>,
}

/// Tries each address of each server: by its health check where there is one, else by a connection, over TLS where it is
/// https. All at once.
pub async fn try_servers(options: &UpstreamOptions) -> Vec<Tried> {
    let roster = Roster::new(options);
    let tried = options.servers.iter().map(async |own| {
        let server = Arc::new(Server::new(own, options));
        let failed = failure(&server, options, &roster).await;
        Tried { server: own.url.to_string(), failed }
    });
    join_all(tried).await
}

async fn failure(server: &Arc<Server>, options: &UpstreamOptions, roster: &Arc<Roster>) -> Option<String> {
    let Some(addresses) = server.addresses().await else {
        return Some("its name can't be looked up".to_owned());
    };
    let endpoints = addresses.into_iter().map(|addresses| Endpoint::new(server, addresses, roster, Arrival::AtFirst));
    let endpoints: Vec<Endpoint> = endpoints.collect();
    let tried = endpoints.iter().map(|endpoint| endpoint.try_once(options.health.as_deref()));
    join_all(tried).await.into_iter().find_map(Result::err)
}
