//! Taking a server out of its pool by hand, and in again. It is sent nothing new; what it has under way ends there.

use super::health::ServerState;
use super::pool::Pool;
use super::server::Server;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is to be done with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// It is taken out, unless no other server of the pool is up.
    Out,
    /// It is taken out, whatever the others are.
    OutAnyhow,
    /// It is taken in again.
    In,
}

/// Why a server is not drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDrained {
    /// There is no such pool.
    #[error("there is no such pool")]
    NoPool,
    /// It has no such server.
    #[error("the pool has no such server")]
    NoServer,
    /// Nobody would be left.
    #[error("no other server of the pool is up, so nobody could be asked")]
    Last,
}

impl Pool {
    /// Drains the server of this name, or takes it in again. Where that changes nothing, nothing happens. Callers take turns: two
    /// at once must not each leave the last server to the other.
    pub(super) fn drain(&self, name: &str, drain: Drain) -> Result<(), NotDrained> {
        let server = self.servers.iter().find(|server| **server.name() == *name).ok_or(NotDrained::NoServer)?;
        let draining = &server.shared.draining;
        if draining.load(Ordering::Relaxed) == (drain != Drain::In) {
            return Ok(());
        }
        if drain == Drain::Out && !self.has_up_beside(server) {
            return Err(NotDrained::Last);
        }
        draining.store(drain != Drain::In, Ordering::Relaxed);
        let (pool, server) = (self.name.as_str(), server.name());
        if drain == Drain::In {
            self.let_grow(server);
            tracing::info!(pool, %server, "an upstream server is taken in again");
        } else {
            tracing::info!(pool, %server, "an upstream server is being drained: it is sent nothing new");
        }
        Ok(())
    }

    fn let_grow(&self, name: &str) {
        let endpoints = self.balance.endpoints();
        endpoints.iter().filter(|endpoint| **endpoint.server.name() == *name).for_each(|own| own.member.grow());
    }

    fn has_up_beside(&self, server: &Arc<Server>) -> bool {
        let endpoints = self.balance.endpoints();
        let others = endpoints.iter().filter(|endpoint| !Arc::ptr_eq(&endpoint.server, server));
        others.map(|endpoint| &endpoint.member).any(|member| !member.is_leaving() && member.state() == ServerState::Up)
    }
}
