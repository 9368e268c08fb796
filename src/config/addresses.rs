//! Addresses that can't go together: two listeners with one, and an upstream that is Larder itself.

use super::problem::{Place, Problems};
use crate::upstream::{ServerOptions, ServerUrl};
use std::net::{IpAddr, SocketAddr};

/// Where Larder listens.
pub(super) struct Listeners {
    /// `listen.http`
    pub(super) http: SocketAddr,
    /// `admin.listen`
    pub(super) admin: SocketAddr,
}

impl Listeners {
    /// Two listeners can't have one address.
    pub(super) fn check_apart(&self, place: &Place, problems: &mut Problems) {
        let http = self.http;
        if meet(http, self.admin) {
            let message = format!("both listeners have the address {http}: `listen.http` and `admin.listen`");
            let hint = "give the admin API a port of its own: listen = \"127.0.0.1:9180\"";
            problems.error(place, message, Some(hint));
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
        let http = self.http.ip();
        let host = server.host();
        let ip: Option<IpAddr> = if host.eq_ignore_ascii_case("localhost") {
            Some(http).filter(|ip| ip.is_loopback() || ip.is_unspecified())
        } else {
            host.parse().ok()
        };
        let is_own =
            |ip: IpAddr| [self.http, self.admin].iter().any(|own| meet(*own, SocketAddr::new(ip, server.port())));
        ip.is_some_and(|ip| (ip.is_loopback() || ip == http) && is_own(ip))
    }
}

fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (is_any || one.ip() == other.ip())
}
