//! Where a server is, as it is configured.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// `http://host`, `https://host`, either with a port; or `unix:/path`.
#[derive(Debug, Clone)]
pub struct ServerUrl {
    scheme: Scheme,
    /// A name or an address, an IPv6 one without brackets.
    host: Box<str>,
    port: u16,
    /// `host:port` as the URL has it, or the whole of `unix:/path`.
    authority: Arc<str>,
    socket: Option<Arc<Path>>,
}

/// What is spoken to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As URLs write it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// What is wrong with a server's URL, and how it should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// It is no URL of a host and perhaps a port.
    #[error("write \"http://host:port\", \"https://…\" or \"unix:/path\"")]
    Form,
    /// It is no path of a Unix socket.
    #[error("write \"unix:/run/app.sock\": an absolute path of at most 107 bytes")]
    Socket,
    /// It has a path or a query.
    #[error("write \"{scheme}://host:port\", without a path: requests keep their own", scheme = .0.as_str())]
    Path(Scheme),
}

impl ServerUrl {
    /// A name or an address, an IPv6 one without brackets; nothing for a Unix socket.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, that of the scheme where none is given.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether its connections are secured by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// `host:port` as the URL has it.
    pub(super) const fn authority(&self) -> &Arc<str> {
        &self.authority
    }

    /// The path of its Unix socket, where it is one.
    pub(super) const fn socket(&self) -> Option<&Arc<Path>> {
        self.socket.as_ref()
    }

    fn of_socket(text: &str, path: &str) -> Result<Self, ServerUrlError> {
        let is_fit = path.starts_with('/') && std::os::unix::net::SocketAddr::from_pathname(path).is_ok();
        if !is_fit {
            return Err(ServerUrlError::Socket);
        }
        let socket = Some(Path::new(path).into());
        Ok(Self { scheme: Scheme::Http, host: "".into(), port: 0, authority: text.into(), socket })
    }

    /// The address, where the host is one and no name.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.parse().ok()?, self.port))
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Self::of_socket(text, path);
        }
        let uri: http::Uri = text.parse().map_err(|_| ServerUrlError::Form)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(ServerUrlError::Form),
        };
        let authority = uri.authority().ok_or(ServerUrlError::Form)?;
        let host = authority.host();
        // What is there besides the host must be a port; the crate's parser takes more.
        let is_host_and_port = authority.as_str() == host || authority.port_u16().is_some();
        if host.is_empty() || authority.as_str().contains('@') || !is_host_and_port {
            return Err(ServerUrlError::Form);
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(ServerUrlError::Path(scheme));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(scheme.port());
        Ok(Self { scheme, host: bare.into(), port, authority: authority.as_str().into(), socket: None })
    }
}

/// The same scheme, host and port, however they are written.
impl PartialEq for ServerUrl {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.socket == other.socket
            && self.host.eq_ignore_ascii_case(&other.host)
    }
}

impl Eq for ServerUrl {}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.socket.is_some() {
            return f.write_str(&self.authority);
        }
        write!(f, "{}://{}/", self.scheme.as_str(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, ServerUrl, ServerUrlError};

    #[test]
    fn a_server_is_a_host_and_a_port() {
        let rows = [
            ("http://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000"),
            ("http://api", "api", 80, "api"),
            ("http://api/", "api", 80, "api"),
            ("http://[::1]:81", "::1", 81, "[::1]:81"),
            ("https://api", "api", 443, "api"),
            ("https://api:8443/", "api", 8443, "api:8443"),
        ];
        for (text, host, port, authority) in rows {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port(), &**url.authority()), (host, port, authority), "{text}");
        }
        let is_same = |one: &str, other: &str| one.parse::<ServerUrl>().unwrap() == other.parse().unwrap();
        assert!(is_same("http://API", "http://api:80") && !is_same("http://api", "http://api:81"));
        assert!(!is_same("http://api:443", "https://api") && !is_same("unix:/a", "unix:/b"));
        let socket: ServerUrl = "unix:/run/app.sock".parse().unwrap();
        assert_eq!((socket.to_string().as_str(), &**socket.authority()), ("unix:/run/app.sock", "unix:/run/app.sock"));
        assert!(format!("unix:/{}", "a".repeat(108)).parse::<ServerUrl>().is_err(), "no socket has so long a path");
    }

    #[test]
    fn whatever_else_is_refused_with_the_right_form() {
        use ServerUrlError::{Form, Path, Socket};
        let rows = [
            ("ftp://a", Form),
            ("https://", Form),
            ("/a", Form),
            ("a:1", Form),
            ("http://a:1.", Form),
            ("http://u:p@a", Form),
            ("unix:run/app.sock", Socket),
            ("unix:", Socket),
            ("unix:/run/a\0b", Socket),
            ("http://a/b", Path(Scheme::Http)),
            ("https://a?b", Path(Scheme::Https)),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<ServerUrl>(), Err(expected), "{text}");
        }
    }
}
