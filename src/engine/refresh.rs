//! What is fetched again after a purge.

/// `[refresh]`, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshOptions {
    /// So many of the hottest responses may a purge make stale before they are fetched again.
    pub after_purge: usize,
    /// How many of the hottest responses are known; 0 fetches nothing again.
    pub hot_keys: usize,
}
