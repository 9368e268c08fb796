//! What is said of the data port's listeners: where they are, and which schemes their requests have.

use crate::config::Config;
use crate::engine::arrival::{Reception, Schemes};
use crate::proxy::{ListenAddress, ListenerOptions, Listening, ProxyOptions, Speaks, Transport};
use crate::semantics::trust::Trust;
use http::uri::Scheme;
use std::net::SocketAddr;

/// How requests are received.
pub(super) fn reception(config: &Config) -> Reception {
    Reception { schemes: schemes(&config.proxy), request_timeout: config.request_timeout }
}

/// The schemes that requests may have: those of the listeners, or either where proxies say which.
fn schemes(options: &ProxyOptions) -> Schemes {
    let Trust { proxies, scheme, .. } = &options.entrance.trust;
    let of = |listener: &ListenerOptions| match listener.speaks {
        Speaks::Http => scheme.clone(),
        Speaks::Https(_) | Speaks::Http3(_) => Scheme::HTTPS,
    };
    let mut all = options.listeners.iter().map(of);
    match all.next() {
        Some(first) if proxies.is_empty() && all.all(|other| other == first) => Schemes::Only(first),
        _ => Schemes::Told,
    }
}

/// Where the first listener over TCP is, unspecified where there are Unix sockets only; and each listener as the start of a
/// URL: `https://127.0.0.1:8443`, `https://127.0.0.1:8443 (HTTP/3)`, `unix:/run/larder.sock`.
pub(super) fn addresses(listeners: &[Listening]) -> (SocketAddr, Vec<String>) {
    let over_tcp = listeners.iter().find_map(|listening| match listening.address {
        ListenAddress::Tcp(address) => Some(address),
        ListenAddress::Unix(_) => None,
    });
    let first = over_tcp.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    (first, listeners.iter().map(url_of).collect())
}

fn url_of(listening: &Listening) -> String {
    match &listening.address {
        ListenAddress::Tcp(address) => match listening.transport() {
            Transport::Tcp | Transport::Unix => format!("{}://{address}", listening.scheme()),
            Transport::Quic => format!("https://{address} (HTTP/3)"),
        },
        unix @ ListenAddress::Unix(_) => unix.to_string(),
    }
}
