//! Whether the servers can be reached, before any request needs them: `larder check --connect`.

use super::connecting::{Opening, Purpose};
use super::connections::Connections;
use super::failure::ConnectError;
use super::outgoing::Speaks;
use super::pool::Pool;
use super::server::{Addresses, Server};
use super::session::Session;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::time::Instant;

/// What became of one server's trial.
#[derive(Debug)]
pub struct Trial {
    /// The name of its pool.
    pub pool: String,
    /// `host:port`, or `unix:/path`.
    pub server: String,
    /// What is spoken, `HTTP/2 over TLS`; or why there is no connection, with a hint where there is one.
    pub result: Result<&'static str, String>,
}

impl Pool {
    /// Opens a connection to each address of each server, and closes it.
    pub(super) async fn try_servers(&self) -> Vec<Trial> {
        let mut trials = Vec::new();
        for server in &self.servers {
            let result = reach_all(server).await;
            trials.push(Trial { pool: self.name().to_owned(), server: server.name().to_string(), result });
        }
        trials
    }
}

async fn reach_all(server: &Arc<Server>) -> Result<&'static str, String> {
    let unknown = || said(&ConnectError::Unknown { authority: Arc::clone(server.name()) });
    let addresses = server.addresses().await.filter(|addresses| !addresses.is_empty()).ok_or_else(unknown)?;
    let mut spoken = Err(unknown());
    for addresses in addresses {
        spoken = Ok(reach(server, &addresses).await.map_err(|error| said(&error))?);
    }
    spoken
}

async fn reach(server: &Arc<Server>, addresses: &Addresses) -> Result<&'static str, ConnectError> {
    let connections = Arc::new(Connections::new(server.idle_timeout, server.idle_connections_max));
    let name = server.proves(server.asked_by.as_ref())?;
    let is_secure = name.is_some();
    let by = Instant::now() + server.connect_timeout;
    let opening = Opening { server, addresses, connections: &connections, name, by, purpose: Purpose::Trial };
    let connection = opening.connection(Speaks::Any, None).await?;
    Ok(match (&connection.session, is_secure) {
        (Session::Http1(_), false) => "HTTP/1.1",
        (Session::Http1(_), true) => "HTTP/1.1 over TLS",
        (Session::Http2(_), false) => "HTTP/2",
        (Session::Http2(_), true) => "HTTP/2 over TLS",
    })
}

/// An error with what lies beneath it.
fn said(error: &ConnectError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}
