//! `[admin]`, resolved.

use std::net::SocketAddr;

/// How the admin API is served.
#[derive(Debug, Clone)]
pub struct AdminOptions {
    /// `listen`
    pub listen: SocketAddr,
    /// From `token_file` or `LARDER_ADMIN_TOKEN`; none only on loopback.
    pub token: Option<String>,
    /// `hosts`: names, without port, that a call's Host may have besides the listener's own address and loopback.
    pub hosts: Vec<String>,
}
