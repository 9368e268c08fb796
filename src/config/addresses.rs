//! Addresses that can't go together: two listeners with one, and an upstream that is Larder itself.

use super::problem::{Place, Problems};
use crate::proxy::{ListenAddress, ListenerOptions, Speaks};
use crate::upstream::{ServerOptions, ServerUrl};
use std::net::{IpAddr, SocketAddr};

/// Where Larder listens over TCP.
pub(super) struct Listeners {
    /// `listen.http` and `listen.https`
    data: Vec<SocketAddr>,
    /// `listen.http3`, over UDP: a port of TCP with the same number is another one.
    http3: Vec<SocketAddr>,
    /// `admin.listen`
    admin: SocketAddr,
}

impl Listeners {
    /// Those of the data port, and the admin API's.
    pub(super) fn of(data: &[ListenerOptions], admin: SocketAddr) -> Self {
        let (mut over_tcp, mut over_udp) = (Vec::new(), Vec::new());
        for listener in data {
            match (&listener.address, &listener.speaks) {
                (ListenAddress::Tcp(address), Speaks::Http | Speaks::Https(_)) => over_tcp.push(*address),
                (ListenAddress::Tcp(address), Speaks::Http3(_)) => over_udp.push(*address),
                (ListenAddress::Unix(_), _) => {}
            }
        }
        Self { data: over_tcp, http3: over_udp, admin }
    }

    /// Two listeners can't have one address.
    pub(super) fn check_apart(&self, place: &Place, problems: &mut Problems) {
        if let Some(data) = self.data.iter().find(|data| meet(**data, self.admin)) {
            let message = format!("both listeners have the address {data}: `[listen]` and `admin.listen`");
            let hint = "give the admin API a port of its own: listen = \"127.0.0.1:9180\"";
            problems.error(place, message, Some(hint));
        }
        if let Some(twice) = twice(&self.data).or_else(|| twice(&self.http3)) {
            let hint = "give each listener of `[listen]` an address of its own";
            problems.error(place, format!("two listeners have the address {twice}"), Some(hint));
        }
    }

    /// A proxy that asks itself answers nothing.
    pub(super) fn check_upstream(&self, servers: &[ServerOptions], place: &Place, problems: &mut Problems) {
        for server in servers.iter().map(|server| &server.url).filter(|server| self.is_own(server)) {
            let hint = "name the address of the API that stands behind Larder";
            problems.error(place, format!("the upstream `{server}` is Larder itself"), Some(hint));
        }
    }

    fn is_own(&self, server: &ServerUrl) -> bool {
        let own = || self.data.iter().chain([&self.admin]);
        let host = server.host();
        let is_local = |ip: &IpAddr| ip.is_loopback() || ip.is_unspecified();
        if host.eq_ignore_ascii_case("localhost") {
            return own().any(|own| own.port() == server.port() && own.port() != 0 && is_local(&own.ip()));
        }
        let Ok(ip) = host.parse::<IpAddr>() else { return false };
        let is_here = ip.is_loopback() || self.data.iter().any(|data| data.ip() == ip);
        is_here && own().any(|own| meet(*own, SocketAddr::new(ip, server.port())))
    }
}

/// An address that two of a list have.
fn twice(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let is_before = |(at, one): &(usize, &SocketAddr)| addresses.iter().take(*at).any(|other| meet(**one, *other));
    addresses.iter().enumerate().find(is_before).map(|(_, twice)| *twice)
}

fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (is_any || one.ip() == other.ip())
}
