//! How many connections are open.

use super::server::Server;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A connection that counts as open until this is dropped.
pub(super) struct Open(Arc<Server>);

impl Open {
    pub(super) fn to(server: &Arc<Server>) -> Self {
        server.counters.opened.fetch_add(1, Ordering::Relaxed);
        server.counters.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(server))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.open.fetch_sub(1, Ordering::Relaxed);
    }
}
