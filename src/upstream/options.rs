//! What the pool is told.

use http::Uri;
use http::uri::Scheme;
use std::time::Duration;

/// `[upstream]`, resolved.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// `servers`: `http://host:port`, at least one.
    pub servers: Vec<Uri>,
    /// `connect_timeout`
    pub connect_timeout: Duration,
    /// `read_timeout`: between two reads, the head included.
    pub read_timeout: Duration,
    /// `idle_timeout`: how long an unused connection is kept.
    pub idle_timeout: Duration,
    /// `connections_max`: idle connections kept per server.
    pub idle_connections_max: usize,
}

/// Why options are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamOptionsError {
    /// The list is empty.
    #[error("there is no upstream server\nhint: name at least one, such as `servers = [\"http://127.0.0.1:8000\"]`")]
    NoServer,
    /// The list is too long.
    #[error("there are more than {} upstream servers", UpstreamOptions::SERVERS_MAX)]
    TooMany,
    /// Another scheme than http, or none.
    #[error("`{0}` is not an http URL\nhint: write `http://host:port`; TLS to the upstream is not spoken")]
    Scheme(Uri),
    /// No host.
    #[error("`{0}` names no host\nhint: write `http://host:port`")]
    Host(Uri),
    /// A path or query.
    #[error("`{0}` has a path\nhint: requests keep their own path; write `http://host:port`")]
    Path(Uri),
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an address, an IPv6 one without brackets.
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// `host:port` as the URL has it.
    pub(super) authority: Box<str>,
}

impl UpstreamOptions {
    /// The largest number of servers.
    pub const SERVERS_MAX: usize = 1024;

    pub(super) fn addresses(&self) -> Result<Vec<Address>, UpstreamOptionsError> {
        if self.servers.is_empty() {
            return Err(UpstreamOptionsError::NoServer);
        }
        if self.servers.len() > Self::SERVERS_MAX {
            return Err(UpstreamOptionsError::TooMany);
        }
        self.servers.iter().map(address).collect()
    }
}

fn address(server: &Uri) -> Result<Address, UpstreamOptionsError> {
    if server.scheme() != Some(&Scheme::HTTP) {
        return Err(UpstreamOptionsError::Scheme(server.clone()));
    }
    let Some(authority) = server.authority().filter(|authority| !authority.host().is_empty()) else {
        return Err(UpstreamOptionsError::Host(server.clone()));
    };
    if !matches!(server.path(), "" | "/") || server.query().is_some() {
        return Err(UpstreamOptionsError::Path(server.clone()));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(80);
    // Written from its parts, so that no user name or password of the URL gets into a header or a label.
    let authority = match authority.port() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    };
    Ok(Address { host: host.into(), port, authority: authority.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(servers: &[&str]) -> Result<Vec<Address>, UpstreamOptionsError> {
        let second = Duration::from_secs(1);
        let options = UpstreamOptions {
            servers: servers.iter().map(|server| server.parse().unwrap()).collect(),
            connect_timeout: second,
            read_timeout: second,
            idle_timeout: second,
            idle_connections_max: 1,
        };
        options.addresses()
    }

    #[test]
    fn a_server_is_a_host_and_a_port() {
        let rows = [
            ("http://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000"),
            ("http://api", "api", 80, "api"),
            ("http://api/", "api", 80, "api"),
            ("http://[::1]:81", "::1", 81, "[::1]:81"),
            ("http://user:password@api:82", "api", 82, "api:82"),
        ];
        for (server, host, port, authority) in rows {
            let expected = Address { host: host.into(), port, authority: authority.into() };
            assert_eq!(addresses(&[server]), Ok(vec![expected]), "{server}");
        }
    }

    #[test]
    fn whatever_else_is_refused_by_name() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        assert_eq!(addresses(&[]), Err(UpstreamOptionsError::NoServer));
        assert_eq!(addresses(&["https://a"]), Err(UpstreamOptionsError::Scheme(uri("https://a"))));
        assert_eq!(addresses(&["/a"]), Err(UpstreamOptionsError::Scheme(uri("/a"))));
        assert_eq!(addresses(&["http://a", "http://b/c"]), Err(UpstreamOptionsError::Path(uri("http://b/c"))));
        assert_eq!(addresses(&["http://b?c"]), Err(UpstreamOptionsError::Path(uri("http://b?c"))));
    }
}
