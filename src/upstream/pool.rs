//! The state of a pool: its servers, where they are, whose turn it is, and how much may be tried again.

use super::balance::{Balance, Chosen};
use super::budget::Budget;
use super::endpoint::Endpoint;
use super::health::ServerState;
use super::member::Roster;
use super::member::Standing;
use super::options::{NoServer, Protocol, UpstreamOptions};
use super::outgoing::Keeps;
use super::room::Room;
use super::server::Server;
use super::stats::ServerStats;
use crate::rules::origin_request::PoolName;
use std::sync::{Arc, Mutex};

pub(super) struct Pool {
    pub(super) name: PoolName,
    pub(super) options: UpstreamOptions,
    /// As they are configured, at least one.
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) balance: Balance,
    pub(super) roster: Arc<Roster>,
    pub(super) budget: Budget,
    pub(super) room: Room,
    /// Locked while a server is drained or taken in.
    pub(super) draining: Mutex<()>,
}

impl Pool {
    pub(super) fn new(name: PoolName, options: UpstreamOptions) -> Result<Self, NoServer> {
        if options.servers.is_empty() {
            return Err(NoServer);
        }
        let servers = options.servers.iter().map(|own| Arc::new(Server::new(own, &options)));
        let (servers, roster): (Vec<_>, _) = (servers.collect(), Roster::new(&options));
        let balance = Balance::new(&servers, &options, &roster);
        let (budget, room) = (Budget::new(options.retries), Room::new(options.max_requests));
        Ok(Self { name, options, servers, balance, roster, budget, room, draining: Mutex::default() })
    }

    /// Whom to ask: one that is in and has not been asked for this request yet, else one that has failed but may have an
    /// answer. To ask that one is still better than an error that the origin would not give.
    pub(super) fn choose(&self, key: &[u8], asked: &[Arc<Endpoint>]) -> Option<Chosen> {
        let untried = |endpoint: &Arc<Endpoint>| !asked.iter().any(|other| Arc::ptr_eq(other, endpoint));
        let standing =
            |standing| self.balance.choose(key, |endpoint| untried(endpoint) && endpoint.member.standing() == standing);
        standing(Standing::In).or_else(|| standing(Standing::LastResort))
    }

    /// Whether one could be asked that has not been.
    pub(super) fn has_other(&self, asked: &[Arc<Endpoint>], endpoint: &Endpoint) -> bool {
        let is_asked = |other: &Arc<Endpoint>| {
            std::ptr::eq(Arc::as_ptr(other), endpoint) || asked.iter().any(|asked| Arc::ptr_eq(asked, other))
        };
        self.balance.endpoints().iter().any(|other| !is_asked(other) && other.member.standing() != Standing::Closed)
    }

    /// What is kept of requests.
    pub(super) fn keeps(&self) -> Keeps {
        let may_speak_http2 = match self.options.protocol {
            Protocol::Auto => self.options.servers.iter().any(|server| server.url.is_secure()),
            Protocol::Http1 => false,
            Protocol::Http2 => true,
        };
        if may_speak_http2 { Keeps::All } else { Keeps::Idempotent }
    }

    /// The counters of each server, in the order of the options. It is up where one of its endpoints is.
    pub(super) fn stats(&self) -> Vec<ServerStats> {
        let endpoints = self.balance.endpoints();
        let stats = |server: &Arc<Server>| {
            let own = || endpoints.iter().filter(|endpoint| Arc::ptr_eq(&endpoint.server, server));
            let is_up = own().any(|endpoint| endpoint.member.state() == ServerState::Up);
            let idle = own().map(|endpoint| endpoint.connections.idle()).sum();
            let state = if is_up { ServerState::Up } else { ServerState::Down };
            server.counters.read(&self.name, server.name(), idle, state)
        };
        self.servers.iter().map(stats).collect()
    }
}
