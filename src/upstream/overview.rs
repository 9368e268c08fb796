//! What a pool is like at one moment, for people: who is asked, what is under way, and why one is not asked.

use super::endpoint::Endpoint;
use super::health::ServerState;
use super::member::Member;
use super::options::Balancing;
use super::pool::Pool;
use super::server::Server;
use serde::Serialize;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A pool.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PoolOverview {
    /// Its name.
    pub(crate) pool: String,
    /// `balance`
    pub(crate) balance: &'static str,
    /// Requests whose answers have not ended.
    pub(crate) under_way: u32,
    /// Requests that wait for their turn.
    pub(crate) waiting: usize,
    /// `max_requests`; none: no limit.
    pub(crate) max_requests: Option<NonZeroUsize>,
    /// Its servers, as they are configured.
    pub(crate) servers: Vec<ServerOverview>,
}

/// One server of a pool.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ServerOverview {
    /// As it is configured, without the scheme.
    pub(crate) server: String,
    /// `weight`
    pub(crate) weight: u16,
    /// Whether it is asked.
    pub(crate) state: ShownState,
    /// Requests whose answers have not ended.
    pub(crate) under_way: u32,
    /// Its connections.
    pub(crate) connections: ShownConnections,
    /// How often it was taken out for what became of requests.
    pub(crate) ejections: u64,
    /// How often it was taken out by health checks.
    pub(crate) failed_checks: u64,
    /// Where it is.
    pub(crate) addresses: Vec<AddressOverview>,
}

/// One address of a server.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AddressOverview {
    /// It.
    pub(crate) address: SocketAddr,
    /// Whether it is asked.
    pub(crate) state: ShownState,
    /// Why it is not up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// Requests whose answers have not ended.
    pub(crate) under_way: u32,
    /// The part of its weight that it takes: `slow_start`.
    pub(crate) share: f64,
}

/// Open connections.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct ShownConnections {
    /// They carry a request.
    pub(crate) active: usize,
    /// They wait for one.
    pub(crate) idle: usize,
}

/// Whether one is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ShownState {
    /// It is.
    Up,
    /// It keeps failing, or fails its checks.
    Down,
    /// It is sent nothing new, and ends what it has under way.
    Draining,
}

impl ShownState {
    fn of(member: &Member) -> Self {
        match member.state() {
            _ if member.is_leaving() => Self::Draining,
            ServerState::Up => Self::Up,
            ServerState::Down => Self::Down,
        }
    }
}

impl Balancing {
    const fn label(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::LeastRequests => "least-requests",
            Self::Consistent => "consistent",
        }
    }
}

impl Pool {
    pub(super) fn overview(&self) -> PoolOverview {
        let (endpoints, members) = (self.balance.endpoints(), self.roster.members());
        let servers: Vec<_> = self.servers.iter().map(|server| overview(server, &endpoints, &members)).collect();
        PoolOverview {
            pool: self.name.as_str().to_owned(),
            balance: self.options.balancing.label(),
            under_way: servers.iter().map(|server| server.under_way).sum(),
            waiting: self.room.waiting(),
            max_requests: self.options.max_requests,
            servers,
        }
    }
}

fn overview(server: &Arc<Server>, endpoints: &[Arc<Endpoint>], members: &[Arc<Member>]) -> ServerOverview {
    let of_server = endpoints.iter().filter(|endpoint| Arc::ptr_eq(&endpoint.server, server));
    let idle: usize = of_server.map(|endpoint| endpoint.connections.idle()).sum();
    let open = server.counters.open.load(Ordering::Relaxed);
    let own = members.iter().filter(|member| Arc::ptr_eq(&member.shared, &server.shared));
    let addresses: Vec<_> = own.filter(|member| !member.is_gone() || member.under_way() > 0).map(address).collect();
    let is_up = addresses.iter().any(|address| address.state == ShownState::Up);
    ServerOverview {
        server: server.name().to_string(),
        weight: server.shared.weight(),
        state: match server.shared.is_draining() {
            true => ShownState::Draining,
            false if is_up => ShownState::Up,
            false => ShownState::Down,
        },
        under_way: addresses.iter().map(|address| address.under_way).sum(),
        connections: ShownConnections { active: open.saturating_sub(idle), idle },
        ejections: server.shared.ejections.load(Ordering::Relaxed),
        failed_checks: server.shared.falls.load(Ordering::Relaxed),
        addresses,
    }
}

fn address(member: &Arc<Member>) -> AddressOverview {
    AddressOverview {
        address: member.address,
        state: ShownState::of(member),
        why: member.why(),
        under_way: member.under_way(),
        share: (member.share() * 100.0).round() / 100.0,
    }
}
