//! Listening sockets that a process did not open itself: the service manager's (systemd's socket activation), or those of the
//! process whose place it takes.

use crate::admin;
use crate::config::Config;
use crate::proxy::tls::TlsEndpoint;
use crate::proxy::{self, ListenAddress, Listening, Opening, Speaks, UdpPort};
use anyhow::Context as _;
use listenfd::ListenFd;
use serde::{Deserialize, Serialize};
use socket2::SockRef;
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

/// The names that a service manager gives its sockets, with colons between them.
const NAMES_VARIABLE: &str = "LISTEN_FDNAMES";

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Port {
    /// `listen.http`
    Http,
    /// `listen.https`
    Https,
    /// `listen.http3`
    Http3,
    /// `admin.listen`
    Admin,
    /// Where packets go that are for connections which the process that has passed on the UDP port before it still has.
    Elder,
}

impl Port {
    /// All, in the order of sockets that have no name of their own.
    const ALL: [Self; 4] = [Self::Http, Self::Admin, Self::Https, Self::Http3];

    /// The name of its socket.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Http3 => "http3",
            Self::Admin => "admin",
            Self::Elder => "elder",
        }
    }
}

/// Listening sockets that others have opened.
#[derive(Debug, Default)]
pub(super) struct Sockets(Vec<Given>);

#[derive(Debug)]
struct Given {
    by: Giver,
    port: Port,
    socket: proxy::Given,
}

/// Who has opened a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giver {
    /// It decides where it listens.
    ServiceManager,
    /// What its configuration said; this process's may say something else.
    Predecessor,
}

/// The listeners of an instance.
pub(super) struct Listeners {
    pub(super) data: Vec<Listening>,
    pub(super) admin: admin::Port,
}

impl Sockets {
    /// Those of the service manager. To be called before there are threads: it takes them out of the environment.
    ///
    /// # Errors
    /// Where one is no TCP listener, or for HTTP/3 no UDP port, or has a name that none of the listeners has.
    pub(super) fn of_service_manager() -> anyhow::Result<Self> {
        let names = std::env::var(NAMES_VARIABLE).unwrap_or_default();
        let mut given = ListenFd::from_env();
        let mut sockets = Vec::new();
        let ports = ports(&names, given.len());
        for (nth, port) in ports.into_iter().enumerate() {
            let port = port.map_err(|name| {
                anyhow::anyhow!(
                    "the service manager's socket `{name}` is for no listener: name it `http`, `https`, `http3` or `admin`"
                )
            })?;
            let by = Giver::ServiceManager;
            let socket = match port {
                Port::Http3 => given.take_udp_socket(nth)?.map(OwnedFd::from),
                _ => given.take_tcp_listener(nth)?.map(OwnedFd::from),
            };
            sockets.extend(socket.map(|socket| Given { by, port, socket: proxy::Given { socket, elder: None } }));
        }
        Ok(Self(sockets))
    }

    /// Adds those of the process whose place is taken.
    pub(super) fn and_of_predecessor(mut self, sockets: impl IntoIterator<Item = (Port, OwnedFd)>) -> Self {
        for (port, socket) in sockets {
            if let (Port::Elder, Some(before)) = (port, self.0.last_mut()) {
                before.socket.elder = Some(socket);
            } else {
                let socket = proxy::Given { socket, elder: None };
                self.0.push(Given { by: Giver::Predecessor, port, socket });
            }
        }
        self
    }

    /// The listeners of an instance that is set up so: those given, and new ones for the others.
    ///
    /// # Errors
    /// Where an address can't be listened on.
    pub(super) fn open(mut self, config: &Config) -> anyhow::Result<Listeners> {
        let mut data = Vec::new();
        let comes_after_another = self.0.iter().any(|given| given.by == Giver::Predecessor);
        for options in &config.proxy.listeners {
            let given = match options.speaks {
                Speaks::Http => self.take(Port::Http, &options.address),
                Speaks::Https(_) => self.take(Port::Https, &options.address),
                Speaks::Http3(_) => self.take(Port::Http3, &options.address),
            };
            let opening = match given {
                Some(socket) => Opening::Given(socket),
                None if comes_after_another => Opening::AfterAnother,
                None => Opening::Own,
            };
            data.push(Listening::open_on(options, opening)?);
        }
        let address = config.admin.listen;
        let opened = match self.take(Port::Admin, &ListenAddress::Tcp(address)) {
            Some(given) => proxy::adopt_tcp(given.socket.into()),
            None => StdListener::bind(address).and_then(proxy::adopt_tcp),
        };
        let admin = opened.with_context(|| format!("cannot listen on {address} (admin.listen)"))?;
        let tls = config.admin.tls.clone().map(TlsEndpoint::of_admin).transpose().context("cannot use [admin] tls")?;
        Ok(Listeners { data, admin: admin::Port { listener: admin, tls: tls.map(Arc::new) } })
    }

    /// The one for this port. That of a predecessor only where it listens at this address, or anywhere if its port is 0.
    fn take(&mut self, port: Port, address: &ListenAddress) -> Option<proxy::Given> {
        let place = self.0.iter().position(|given| {
            given.port == port && (given.by == Giver::ServiceManager || listens_at(&given.socket.socket, address))
        })?;
        Some(self.0.swap_remove(place).socket)
    }
}

/// Whether a socket is bound there, or anywhere over TCP or UDP if the port is 0.
fn listens_at(socket: &OwnedFd, address: &ListenAddress) -> bool {
    let Ok(found) = SockRef::from(socket).local_addr() else { return false };
    match address {
        ListenAddress::Tcp(address) => found.as_socket().is_some_and(|found| address.port() == 0 || found == *address),
        ListenAddress::Unix(path) => found.as_pathname() == Some(path),
    }
}

impl Listeners {
    /// Where the admin API listens: the address, and how its URL begins.
    pub(super) fn admin_at(&self) -> std::io::Result<(SocketAddr, String)> {
        let address = self.admin.listener.local_addr()?;
        let scheme = if self.admin.tls.is_some() { "https" } else { "http" };
        Ok((address, format!("{scheme}://{address}")))
    }

    /// What speaks TLS of them.
    pub(super) fn endpoints(&self) -> Vec<Arc<TlsEndpoint>> {
        self.data.iter().filter_map(|listening| listening.tls.clone()).chain(self.admin.tls.clone()).collect()
    }

    /// The UDP ports, to be passed on.
    pub(super) fn udp_ports(&self) -> std::io::Result<Vec<UdpPort>> {
        self.data.iter().filter_map(Listening::udp_port).collect()
    }

    /// The same sockets once more, to be passed on; not the UDP ports.
    pub(super) fn cloned(&self) -> std::io::Result<Vec<(Port, OwnedFd)>> {
        let mut sockets = vec![(Port::Admin, self.admin.listener.as_fd().try_clone_to_owned()?)];
        for listening in &self.data {
            let port = if listening.tls.is_some() { Port::Https } else { Port::Http };
            sockets.extend(listening.socket()?.map(|socket| (port, socket)));
        }
        Ok(sockets)
    }
}

/// What each of so many sockets with these names is for, or the name that says nothing. Where none has a name of ours they
/// are taken in order: systemd names sockets after their unit where nothing else is said.
fn ports(names: &str, count: usize) -> Vec<Result<Port, String>> {
    let port_of = |name: &str| Port::ALL.into_iter().find(|port| port.label() == name);
    let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    if names.len() == count && names.iter().any(|name| port_of(name).is_some()) {
        return names.into_iter().map(|name| port_of(name).ok_or_else(|| name.to_owned())).collect();
    }
    let mut in_order = VecDeque::from(Port::ALL);
    (1..=count).map(|nth| in_order.pop_front().ok_or_else(|| format!("number {nth}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_known_by_their_names_and_else_by_their_order() {
        let (http, admin) = (Ok(Port::Http), Ok(Port::Admin));
        for (names, count, expected) in [
            ("", 0, vec![]),
            ("", 1, vec![http.clone()]),
            ("larder.socket:larder.socket", 2, vec![http.clone(), admin.clone()]),
            ("admin:http", 2, vec![admin.clone(), http.clone()]),
            ("admin", 1, vec![admin.clone()]),
            ("admin:other", 2, vec![admin, Err("other".to_owned())]),
            ("https:http", 2, vec![Ok(Port::Https), http.clone()]),
            ("http3", 1, vec![Ok(Port::Http3)]),
            (
                "larder.socket",
                5,
                vec![http, Ok(Port::Admin), Ok(Port::Https), Ok(Port::Http3), Err("number 5".to_owned())],
            ),
        ] {
            assert_eq!(ports(names, count), expected, "{names} {count}");
        }
    }
}
