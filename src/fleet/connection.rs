//! Connections to Redis, of whichever kind the address asks for.

use super::address::Address;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, RedisResult, TlsCertificates, TlsMode, Value,
};
use std::time::Duration;

/// How long a connection may take to be made, where no caller waits less long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection. Cheap to clone; the commands of all clones overlap on it.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends a command; the caller sets the deadline.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let reply = match self {
            Self::One(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        reply?.extract_error()
    }

    /// Sends a command that names no key to the node that keeps `key`.
    pub(super) async fn send_to_keeper(&mut self, key: &str, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(_) => self.send(command).await,
            Self::Cluster(connection) => {
                let node = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
                connection.route_command(command.clone(), RoutingInfo::SingleNode(node)).await?.extract_error()
            }
        }
    }
}

/// Makes connections.
pub(super) enum Dialer {
    Single(Client),
    /// Asks the sentinels for the primary each time: it may be another by now.
    Sentinel(SentinelClient),
    Cluster(ClusterClient),
}

impl Dialer {
    /// A dialer for `address`, which trusts the certificates in `ca_pem` instead of the system's where there are any.
    pub(super) fn new(address: Address, ca_pem: Option<&str>) -> RedisResult<Self> {
        // The first caller has chosen; any provider will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let certificates =
            ca_pem.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem.as_bytes().to_vec()) });
        match address {
            Address::Single(info) => match (certificates, is_tls(&info)) {
                (Some(certificates), true) => Client::build_with_tls(info, certificates).map(Self::Single),
                _ => Client::open(info).map(Self::Single),
            },
            Address::Sentinel(nodes, service) => sentinel(&nodes, &service, certificates).map(Self::Sentinel),
            Address::Cluster(nodes) => {
                let tls = nodes.first().is_some_and(is_tls);
                let mut builder = ClusterClient::builder(nodes).retries(1).connection_timeout(CONNECT_TIMEOUT);
                if let Some(certificates) = certificates.filter(|_| tls) {
                    builder = builder.certs(certificates);
                }
                builder.build().map(Self::Cluster)
            }
        }
    }

    /// Makes a connection whose replies may take as long as their callers wait.
    pub(super) async fn dial(&mut self) -> RedisResult<Connection> {
        let config =
            AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(Some(CONNECT_TIMEOUT));
        match self {
            Self::Single(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::One)
            }
            Self::Sentinel(client) => client.get_async_connection_with_config(&config).await.map(Connection::One),
            Self::Cluster(client) => {
                let config =
                    ClusterConfig::new().set_connection_timeout(CONNECT_TIMEOUT).set_response_timeout(REPLY_TIMEOUT);
                client.get_async_connection_with_config(config).await.map(Connection::Cluster)
            }
        }
    }
}

/// Longer than any caller waits: the cluster's client knows no absent timeout.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

fn sentinel(
    nodes: &[ConnectionInfo],
    service: &str,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    let addresses = nodes.iter().map(|node| node.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?;
    let Some(first) = nodes.first() else { return builder.build() };
    let settings = first.redis_settings();
    builder = builder.set_client_to_redis_db(settings.db());
    if let Some(username) = settings.username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if is_tls(first) {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        if let Some(certificates) = certificates {
            let same = TlsCertificates { client_tls: None, root_cert: certificates.root_cert.clone() };
            builder = builder
                .set_client_to_redis_certificates(same)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_certificates(certificates);
        }
    }
    builder.build()
}
