//! What the pool is told.

use http::Uri;
use http::uri::Scheme;
use std::sync::Arc;
use std::time::Duration;

/// `[upstream]`, resolved, and what `[limits]` says of answers.
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
    /// `eject`
    pub eject: EjectOptions,
    /// `retries`
    pub retries: RetryOptions,
    /// `limits.upstream_headers`: field lines of one answer.
    pub response_fields_max: usize,
    /// `limits.upstream_header_bytes`: of one answer's whole head.
    pub response_head_bytes_max: usize,
}

/// `upstream.eject`: when a server is taken out, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectOptions {
    /// `failures`: so many, in a row or no fewer than its other answers,
    pub failures: u32,
    /// `within`: so long, take a server out
    pub within: Duration,
    /// `for`: for so long.
    pub pause: Duration,
}

/// `upstream.retries`: how often a request is tried again that may have been received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryOptions {
    /// `attempts`: tries of one request after the first.
    pub attempts: u32,
    /// `budget`: the share of such tries among the requests of the last ten seconds.
    pub budget: f64,
}

impl UpstreamOptions {
    /// These servers, and everything else as it is where nothing is said.
    #[must_use]
    pub const fn of(servers: Vec<Uri>) -> Self {
        Self {
            servers,
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(4),
            idle_connections_max: 128,
            eject: EjectOptions { failures: 5, within: Duration::from_secs(10), pause: Duration::from_secs(10) },
            retries: RetryOptions { attempts: 2, budget: 0.2 },
            response_fields_max: 256,
            response_head_bytes_max: 256 * 1024,
        }
    }
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
    pub(super) authority: Arc<str>,
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
        UpstreamOptions::of(servers.iter().map(|server| server.parse().unwrap()).collect()).addresses()
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
