//! How a PostgreSQL is reached: where it is, as whom, and over TLS or not.

use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long connecting, or an answer, may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// The port where nobody names one.
const PORT: u16 = 5432;

/// A server, or several of which one takes writes at a time.
#[derive(Clone)]
pub struct PostgresServer {
    /// Its URL, with an `application_name`.
    pub connect: Config,
    /// Whom its certificate must be vouched for by; absent: without TLS.
    pub(crate) tls: Option<ClientConfig>,
}

impl fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connect, tls } = self;
        f.debug_struct("PostgresServer").field("connect", connect).field("tls", &tls.is_some()).finish()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// It said no.
    #[error("{}", said(.0))]
    Refused(#[from] tokio_postgres::Error),
    /// It is silent.
    #[error("PostgreSQL did not answer in time")]
    TimedOut,
}

impl PostgresServer {
    /// A server whose certificate these authorities vouch for, where its URL asks for TLS (`sslmode=require`).
    pub(crate) fn new(connect: Config, authorities: impl FnOnce() -> RootCertStore) -> Self {
        let tls = (connect.get_ssl_mode() == SslMode::Require).then(|| {
            let builder = ClientConfig::builder_with_provider(crate::tls::provider());
            let builder = builder.with_safe_default_protocol_versions().expect("ring has them");
            builder.with_root_certificates(authorities()).with_no_client_auth()
        });
        Self { connect, tls }
    }

    /// Connects. `drive` is given what must be driven for as long as the client is used.
    pub(crate) async fn connect<D: Driven>(&self, drive: D) -> Result<(Client, D::Handle), ConnectError> {
        let connecting = async {
            Ok(match &self.tls {
                None => {
                    let (client, connection) = self.connect.connect(NoTls).await?;
                    (client, drive.drive(connection))
                }
                Some(tls) => {
                    let (client, connection) = self.connect.connect(MakeRustlsConnect::new(tls.clone())).await?;
                    (client, drive.drive(connection))
                }
            })
        };
        timeout(DEADLINE, connecting).await.map_err(|_| ConnectError::TimedOut)?
    }

    /// Each of its addresses as a server of its own.
    pub(crate) fn each(&self) -> Vec<Self> {
        let ports = self.connect.get_ports();
        let hosts = self.connect.get_hosts().iter().enumerate();
        hosts
            .map(|(nth, host)| {
                let mut connect = Config::new();
                match host {
                    Host::Tcp(host) => connect.host(host),
                    Host::Unix(path) => connect.host_path(path),
                };
                connect.port(ports.get(nth).or(ports.first()).copied().unwrap_or(PORT));
                connect.ssl_mode(self.connect.get_ssl_mode());
                self.connect.get_user().map(|user| connect.user(user));
                self.connect.get_password().map(|password| connect.password(password));
                self.connect.get_dbname().map(|name| connect.dbname(name));
                self.connect.get_application_name().map(|name| connect.application_name(name));
                Self { connect, tls: self.tls.clone() }
            })
            .collect()
    }
}

/// What drives a connection, of whichever kind it is.
pub(crate) trait Driven {
    /// What its user gets beside the client.
    type Handle;

    /// Drives it until its client is gone.
    fn drive<T>(self, connection: Connection<Socket, T>) -> Self::Handle
    where
        T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static;
}

/// Drives a connection for queries alone.
pub(crate) struct Queries;

impl Driven for Queries {
    type Handle = ();

    fn drive<T>(self, connection: Connection<Socket, T>)
    where
        T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
    {
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// What the server said, or what was wrong with the connection.
pub(crate) fn said(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("PostgreSQL answered: {} ({})", said.message(), said.code().code());
    }
    let mut text = format!("PostgreSQL cannot be asked: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
