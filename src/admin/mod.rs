//! The admin API: purge, receipts, explain, rules, reload, health, metrics. Its own listener, token and checks.

use std::net::SocketAddr;

/// `[admin]`, resolved.
#[derive(Debug, Clone)]
pub struct AdminOptions {
    /// `listen`
    pub listen: SocketAddr,
    /// From `token_file` or LARDER_ADMIN_TOKEN; none only on loopback.
    pub token: Option<String>,
}
