//! How a MariaDB is reached: where it is, as whom, and over TLS or not.

use mysql_async::{Conn, Opts, OptsBuilder, ServerError, SslOpts};
use std::error::Error;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;

/// How long connecting, or an answer, may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// The longest event that is taken, in bytes.
const PACKET_BYTES_MAX: usize = 64 << 20;

/// An idle connection is closed by the server after so many seconds.
const WAIT_SECONDS: usize = 28_800;

/// A server.
#[derive(Clone)]
pub struct MysqlServer(Opts);

impl fmt::Debug for MysqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(opts) = self;
        f.debug_struct("MysqlServer")
            .field("host", &opts.ip_or_hostname())
            .field("port", &opts.tcp_port())
            .field("user", &opts.user())
            .field("database", &opts.db_name())
            .field("tls", &opts.ssl_opts().is_some())
            .finish()
    }
}

/// Why the server can't be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// It said no.
    #[error("the database answered: {} ({})", .0.message, .0.code)]
    Refused(ServerError),
    /// The connection is broken, or never was one.
    #[error("the database cannot be asked: {0}")]
    Broken(String),
    /// It answers, but not what it was asked for.
    #[error("the database answers in a form that is not expected")]
    Strange,
    /// It is silent.
    #[error("the database did not answer in time")]
    TimedOut,
}

impl From<mysql_async::Error> for ConnectError {
    fn from(error: mysql_async::Error) -> Self {
        match error {
            mysql_async::Error::Server(error) => Self::Refused(error),
            other => {
                let mut text = other.to_string();
                let mut cause = other.source();
                while let Some(inner) = cause {
                    if !text.contains(&inner.to_string()) {
                        text = format!("{text}: {inner}");
                    }
                    cause = inner.source();
                }
                Self::Broken(text)
            }
        }
    }
}

impl MysqlServer {
    /// The server of a URL. Where it asks for TLS (`require_ssl=true`), certificates are vouched for by `authorities`, in PEM or DER.
    pub(crate) fn new(url: &Opts, authorities: impl FnOnce() -> Vec<Vec<u8>>) -> Self {
        let tls = url.ssl_opts().is_some().then(|| {
            let authorities = authorities().into_iter().map(Into::into).collect();
            SslOpts::default().with_root_certs(authorities).with_disable_built_in_roots(true)
        });
        let opts = OptsBuilder::from_opts(url.clone())
            .ssl_opts(tls)
            .prefer_socket(false)
            .tcp_nodelay(true)
            .max_allowed_packet(Some(PACKET_BYTES_MAX))
            .wait_timeout(Some(WAIT_SECONDS));
        Self(opts.into())
    }

    /// A name for it in keys.
    pub(crate) fn name(&self) -> String {
        let Self(opts) = self;
        let named = format!("{}:{} {}", opts.ip_or_hostname(), opts.tcp_port(), opts.db_name().unwrap_or_default());
        blake3::hash(named.as_bytes()).to_hex()[..16].to_owned()
    }

    /// The database that its URL names.
    pub(crate) fn database(&self) -> Option<&str> {
        self.0.db_name()
    }

    /// The user that its URL names.
    pub(crate) fn user(&self) -> Option<&str> {
        self.0.user()
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<Conn, ConnectError> {
        answered(Conn::new(self.0.clone())).await
    }
}

/// Waits for what the server answers, within the deadline.
pub(super) async fn answered<T>(
    answer: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, ConnectError> {
    timeout(DEADLINE, answer).await.map_err(|_| ConnectError::TimedOut)?.map_err(Into::into)
}
