//! One upstream server as it is configured: how it is reached, and what it was asked. Where its name has several
//! addresses, each is an endpoint.

use super::failure::ConnectError;
use super::http1::HeadLimits;
use super::http2::Http2Options;
use super::options::{Protocol, ServerOptions, UpstreamOptions};
use super::server_url::ServerUrl;
use super::shared::Shared;
use super::stats::Counters;
use super::tls::TlsOptions;
use http::HeaderValue;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) struct Server {
    url: ServerUrl,
    /// Host, for requests that name none.
    pub(super) host: HeaderValue,
    pub(super) counters: Arc<Counters>,
    pub(super) head_limits: HeadLimits,
    pub(super) http2: Http2Options,
    pub(super) protocol: Protocol,
    /// The host that it is asked by, if not the client's.
    pub(super) asked_by: Option<HeaderValue>,
    /// How its connections are secured; `None` if they are not.
    pub(super) tls: Option<TlsOptions>,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) idle_connections_max: usize,
    /// What its endpoints have in common.
    pub(super) shared: Arc<Shared>,
    /// What a test has its name looked up to.
    #[cfg(test)]
    pub(super) told: std::sync::Mutex<Option<Vec<SocketAddr>>>,
    /// Whether the last look-up of its name failed.
    is_lost: AtomicBool,
    /// Whether the last TLS handshake failed.
    is_insecure: AtomicBool,
}

impl Server {
    pub(super) fn new(own: &ServerOptions, options: &UpstreamOptions) -> Self {
        let url = own.url.clone();
        // An authority that was part of a URI is a valid field value.
        let host = HeaderValue::from_str(if url.socket().is_some() { "localhost" } else { url.authority() })
            .unwrap_or(HeaderValue::from_static(""));
        let tls = url.is_secure().then(|| options.tls.clone().unwrap_or_else(TlsOptions::system));
        Self {
            shared: Shared::new(url.authority(), own.weight),
            url,
            host,
            counters: Arc::default(),
            head_limits: HeadLimits::new(options),
            http2: Http2Options::new(options),
            protocol: options.protocol,
            asked_by: options.host.clone(),
            tls,
            connect_timeout: options.connect_timeout,
            idle_timeout: options.idle_timeout,
            idle_connections_max: options.idle_connections_max,
            #[cfg(test)]
            told: std::sync::Mutex::default(),
            is_lost: AtomicBool::new(false),
            is_insecure: AtomicBool::new(false),
        }
    }

    /// The same server by other options: what was counted of it goes on, and whether it is being drained.
    pub(super) fn after(before: &Self, own: &ServerOptions, options: &UpstreamOptions) -> Self {
        before.shared.weigh(own.weight);
        let (counters, shared) = (Arc::clone(&before.counters), Arc::clone(&before.shared));
        Self { counters, shared, ..Self::new(own, options) }
    }

    /// Whether its URL is this.
    pub(super) fn is_at(&self, url: &ServerUrl) -> bool {
        self.url == *url
    }

    /// Whether this is the same server as another, perhaps by other options.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// Whether connections that were opened by the options of `other` are such as these ask for.
    pub(super) fn connects_as(&self, other: &Self) -> bool {
        let of = |server: &Self| {
            let Self { protocol, head_limits, idle_timeout, idle_connections_max, .. } = *server;
            (protocol, head_limits, idle_timeout, idle_connections_max)
        };
        let is_tls_alike = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(own), Some(other)) => own.is(other),
            (None, Some(_)) | (Some(_), None) => false,
        };
        self.is(other) && is_tls_alike && of(self) == of(other)
    }

    /// `host:port`
    pub(super) const fn name(&self) -> &Arc<str> {
        self.url.authority()
    }

    /// The name that it must prove where it is asked by such a host; none without TLS.
    pub(super) fn proves(&self, asked_by: Option<&HeaderValue>) -> Result<Option<ServerName<'static>>, ConnectError> {
        let Some(tls) = &self.tls else { return Ok(None) };
        let name = tls.name(asked_by, self.url.host());
        name.map(Some).map_err(|cause| ConnectError::Tls { authority: Arc::clone(self.name()), cause })
    }

    /// Whether it is given by name.
    pub(super) fn is_named(&self) -> bool {
        self.url.address().is_none() && self.url.socket().is_none()
    }

    /// Whether its name could not be looked up.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// It has answered, over TLS if it is to.
    pub(super) fn secured(&self) {
        if self.is_insecure.load(Ordering::Relaxed) && self.is_insecure.swap(false, Ordering::Relaxed) {
            tracing::info!(server = %self.name(), "TLS with an upstream server works again");
        }
    }

    /// TLS failed: said once, until there is an answer. In TLS 1.3 a server may take the handshake to its end and only then
    /// refuse.
    pub(super) fn not_secured(&self, why: &impl fmt::Display) {
        if !self.is_insecure.swap(true, Ordering::Relaxed) {
            tracing::warn!(server = %self.name(), %why, "TLS with an upstream server fails");
        }
    }

    /// The addresses of its endpoints, if they need not be looked up.
    pub(super) fn fixed_addresses(&self) -> Option<Vec<Addresses>> {
        let socket = self.url.socket().map(Addresses::of_socket);
        Some(vec![socket.or_else(|| self.url.address().map(Addresses::of))?])
    }

    /// The addresses of its endpoints; `None` if they can't be looked up now.
    pub(super) async fn addresses(&self) -> Option<Vec<Addresses>> {
        if let Some(addresses) = self.fixed_addresses() {
            return Some(addresses);
        }
        #[cfg(test)]
        if let Some(told) = self.told.lock().unwrap().clone() {
            return Some(paired(told));
        }
        let look_up = tokio::net::lookup_host((self.url.host(), self.url.port()));
        let found = tokio::time::timeout(self.connect_timeout, look_up).await;
        match found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(found) => {
                self.is_lost.store(false, Ordering::Relaxed);
                Some(paired(found.collect()))
            }
            Err(error) => {
                if !self.is_lost.swap(true, Ordering::Relaxed) {
                    tracing::warn!(server = %self.name(), %error, "the name of an upstream server can't be looked up");
                }
                None
            }
        }
    }
}

/// The addresses of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addresses {
    /// One, or one of each family, in the order in which they are tried.
    Tcp { first: SocketAddr, second: Option<SocketAddr> },
    /// A Unix socket, and what it is known by where only addresses are.
    Socket { path: Arc<Path>, stand_in: SocketAddr },
}

impl Addresses {
    const fn of(first: SocketAddr) -> Self {
        Self::Tcp { first, second: None }
    }

    fn of_socket(path: &Arc<Path>) -> Self {
        // The load balancer knows backends by their addresses. Those of 100::/64 (RFC 6666) are nobody's.
        let digest = blake3::hash(path.as_os_str().as_encoded_bytes());
        let mut octets = [0; 16];
        octets[0] = 1;
        octets[8..].copy_from_slice(&digest.as_bytes()[..8]);
        Self::Socket { path: Arc::clone(path), stand_in: SocketAddr::new(Ipv6Addr::from(octets).into(), 0) }
    }

    /// What the endpoint is known by.
    pub(super) const fn known_by(&self) -> SocketAddr {
        match self {
            Self::Tcp { first, .. } => *first,
            Self::Socket { stand_in, .. } => *stand_in,
        }
    }
}

/// Puts one address of each family together, so that a host that listens on one of them only is found all the same. The
/// resolver's first choice of family goes first.
fn paired(mut found: Vec<SocketAddr>) -> Vec<Addresses> {
    let Some(preferred) = found.first().map(SocketAddr::is_ipv6) else { return Vec::new() };
    // Whoever resolves names may shuffle them; the pairs stay the same.
    found.sort_unstable();
    found.dedup();
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| address.is_ipv6() == preferred);
    let both =
        first.iter().enumerate().map(|(n, first)| Addresses::Tcp { first: *first, second: second.get(n).copied() });
    both.chain(second.iter().skip(first.len()).copied().map(Addresses::of)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_of_each_family_makes_an_endpoint() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let rows: [(&[&str], &[&[&str]]); 5] = [
            (&[], &[]),
            (&["[::1]:80", "127.0.0.1:80"], &[&["[::1]:80", "127.0.0.1:80"]]),
            (&["127.0.0.1:80", "[::1]:80"], &[&["127.0.0.1:80", "[::1]:80"]]),
            (&["10.0.0.2:80", "10.0.0.1:80", "10.0.0.2:80"], &[&["10.0.0.1:80"], &["10.0.0.2:80"]]),
            (&["[::1]:80", "10.0.0.2:80", "10.0.0.1:80"], &[&["[::1]:80", "10.0.0.1:80"], &["10.0.0.2:80"]]),
        ];
        for (found, expected) in rows {
            let pairs: Vec<_> = paired(addresses(found))
                .into_iter()
                .map(|pair| match pair {
                    Addresses::Tcp { first, second } => [Some(first), second].into_iter().flatten().collect::<Vec<_>>(),
                    Addresses::Socket { .. } => Vec::new(),
                })
                .collect();
            assert_eq!(pairs, expected.iter().map(|pair| addresses(pair)).collect::<Vec<_>>(), "{found:?}");
        }
    }
}
