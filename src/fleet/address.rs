//! Where Redis is: one server, the primary that sentinels know, or a cluster.
//!
//! `redis://` and `rediss://` are the client library's own; the lists of hosts that sentinels and clusters need are taken
//! apart here, and each host is then read by the library too.

use redis::{ConnectionInfo, IntoConnectionInfo};

/// A URL taken apart.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// `redis://`, `rediss://`
    Single(ConnectionInfo),
    /// `redis+sentinel://host:port,…/service`: where the sentinels are, the service, and how to log in at its primary.
    Sentinel(Vec<ConnectionInfo>, String),
    /// `redis-cluster://host:port,…`: some of the nodes.
    Cluster(Vec<ConnectionInfo>),
}

/// Why a URL names no Redis.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The scheme is none of the known.
    #[error("`{0}` is no scheme of a Redis URL")]
    Scheme(String),
    /// There is no scheme.
    #[error("the Redis URL has no scheme")]
    NoScheme,
    /// Sentinels watch over several services.
    #[error("the URL names no service that the sentinels watch over")]
    NoService,
    /// The library does not understand a host, port, user, password or database. Its words may hold a password.
    #[error("a host, port, user, password or database in the Redis URL cannot be understood")]
    Part,
}

impl AddressError {
    /// What to write instead.
    #[must_use]
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Scheme(_) | Self::NoScheme => {
                "write redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/service or \
                 redis-cluster://host:port,host:port"
            }
            Self::NoService => "write redis+sentinel://host:port,host:port/service",
            Self::Part => "write redis://user:password@host:port/database, special characters percent-encoded",
        }
    }
}

impl Address {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// Where it names no Redis.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError::NoScheme)?;
        match scheme {
            "redis" | "rediss" => Ok(Self::Single(part(scheme, rest)?)),
            "redis+sentinel" | "rediss+sentinel" => {
                let (hosts, path) = rest.split_once('/').ok_or(AddressError::NoService)?;
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(AddressError::NoService);
                }
                let nodes = nodes(scheme.trim_end_matches("+sentinel"), hosts, database)?;
                Ok(Self::Sentinel(nodes, service.to_owned()))
            }
            "redis-cluster" | "rediss-cluster" => {
                Ok(Self::Cluster(nodes(scheme.trim_end_matches("-cluster"), rest.trim_end_matches('/'), "")?))
            }
            other => Err(AddressError::Scheme(other.to_owned())),
        }
    }
}

/// The hosts of a list. What stands before the one `@` greets them all.
fn nodes(scheme: &str, list: &str, database: &str) -> Result<Vec<ConnectionInfo>, AddressError> {
    let (greeting, hosts) = list.rsplit_once('@').map_or(("", list), |(greeting, hosts)| (greeting, hosts));
    let at = if greeting.is_empty() { "" } else { "@" };
    hosts.split(',').map(|host| part(scheme, &format!("{greeting}{at}{host}/{database}"))).collect()
}

fn part(scheme: &str, rest: &str) -> Result<ConnectionInfo, AddressError> {
    format!("{scheme}://{rest}").into_connection_info().map_err(|_| AddressError::Part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        let hosts =
            |nodes: &[ConnectionInfo]| nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(" ");
        match Address::parse(url) {
            Ok(Address::Single(node)) => format!("single {}", node.addr()),
            Ok(Address::Sentinel(nodes, service)) => {
                let settings = nodes[0].redis_settings();
                format!("sentinel {} {service} {} {:?}", hosts(&nodes), settings.db(), settings.password())
            }
            Ok(Address::Cluster(nodes)) => {
                format!("cluster {} {:?}", hosts(&nodes), nodes[0].redis_settings().username())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_kind_of_url_is_taken_apart() {
        for (url, expected) in [
            ("redis://127.0.0.1:1", "single 127.0.0.1:1"),
            ("redis://cache", "single cache:6379"),
            ("rediss://u:p@cache:2/3", "single cache:2"),
            ("redis+sentinel://a:1,b:2/shop", "sentinel a:1 b:2 shop 0 None"),
            ("redis+sentinel://:p@a:1,b:2/shop/4", "sentinel a:1 b:2 shop 4 Some(\"p\")"),
            ("redis-cluster://u:p@a:1,b:2", "cluster a:1 b:2 Some(\"u\")"),
            ("redis-cluster://a:1/", "cluster a:1 None"),
            ("redis+sentinel://a:1", "the URL names no service that the sentinels watch over"),
            ("redis+sentinel://a:1/", "the URL names no service that the sentinels watch over"),
            ("http://a", "`http` is no scheme of a Redis URL"),
            ("127.0.0.1:6379", "the Redis URL has no scheme"),
            ("redis://a:port", "a host, port, user, password or database in the Redis URL cannot be understood"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }
}
