//! The state of a pool: its servers, where they are, whose turn it is, and how much may be tried again.

use super::balance::{Balance, Chosen};
use super::budget::Budget;
use super::endpoint::Endpoint;
use super::health::ServerState;
use super::member::Roster;
use super::member::Standing;
use super::options::{NoServer, Protocol, ServerOptions, UpstreamOptions};
use super::outgoing::Keeps;
use super::room::Room;
use super::server::Server;
use super::stats::ServerStats;
use crate::rules::origin_request::PoolName;
use std::sync::Arc;

pub(super) struct Pool {
    pub(super) name: PoolName,
    pub(super) options: UpstreamOptions,
    /// As they are configured, at least one.
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) balance: Balance,
    pub(super) roster: Arc<Roster>,
    pub(super) budget: Arc<Budget>,
    pub(super) room: Room,
}

impl Pool {
    pub(super) fn new(name: PoolName, options: UpstreamOptions) -> Result<Self, NoServer> {
        if options.servers.is_empty() {
            return Err(NoServer);
        }
        let servers = options.servers.iter().map(|own| Arc::new(Server::new(own, &options)));
        let (servers, roster): (Vec<_>, _) = (servers.collect(), Roster::new(&options));
        let balance = Balance::new(&servers, &options, &roster);
        let (budget, room) = (Arc::new(Budget::new()), Room::new(options.max_requests));
        Ok(Self { name, options, servers, balance, roster, budget, room })
    }

    /// The same pool by other options: the servers that stay keep their connections, their health and whether they are drained.
    /// Once it is in use, what it no longer has is to be [let go](Self::let_go_of).
    pub(super) fn after(before: &Self, options: UpstreamOptions) -> Result<Self, NoServer> {
        if options.servers.is_empty() {
            return Err(NoServer);
        }
        let own_tls = options.tls.map(|tls| tls.or_before(before.options.tls.as_ref()));
        let options = UpstreamOptions { tls: own_tls, ..options };
        let server = |own: &ServerOptions| {
            let known = before.servers.iter().find(|server| server.is_at(&own.url));
            Arc::new(known.map_or_else(|| Server::new(own, &options), |known| Server::after(known, own, &options)))
        };
        let servers: Vec<_> = options.servers.iter().map(server).collect();
        let (name, roster, budget) = (before.name.clone(), Arc::clone(&before.roster), Arc::clone(&before.budget));
        roster.judge_by(&options);
        let balance = Balance::after(&before.balance, &servers, &options, &roster);
        let room = Room::after(&before.room, options.max_requests);
        Ok(Self { name, options, servers, balance, roster, budget, room })
    }

    /// Sends nothing new to the endpoints of the pool `before` that this one no longer has.
    pub(super) fn let_go_of(&self, before: &Self) {
        let endpoints = self.balance.endpoints();
        for gone in before.balance.endpoints() {
            gone.member.find(endpoints.iter().any(|endpoint| endpoint.is(&gone)));
        }
    }

    /// Whom to ask: one that is in and has not been asked for this request yet, else one that has failed but may have an
    /// answer. To ask that one is still better than an error that the origin would not give.
    pub(super) fn choose(&self, key: &[u8], asked: &[Arc<Endpoint>]) -> Option<Chosen> {
        let untried = |endpoint: &Arc<Endpoint>| !asked.iter().any(|other| other.is(endpoint));
        let standing =
            |standing| self.balance.choose(key, |endpoint| untried(endpoint) && endpoint.member.standing() == standing);
        standing(Standing::In).or_else(|| standing(Standing::LastResort))
    }

    /// Whether one could be asked that has not been.
    pub(super) fn has_other(&self, asked: &[Arc<Endpoint>], endpoint: &Endpoint) -> bool {
        let is_asked = |other: &Endpoint| other.is(endpoint) || asked.iter().any(|asked| asked.is(other));
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
