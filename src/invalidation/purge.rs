//! A purge: scopes, depth, source.

use crate::scope::Scope;

/// How deep a purge goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What it covers becomes stale: stale windows still help.
    Soft,
    /// What it covers becomes unusable.
    Hard,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The admin API.
    Admin,
    /// A successful unsafe request through the proxy, RFC 9111 section 4.4.
    UnsafeRequest,
}

/// One purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// What it covers, at least one scope.
    pub scopes: Vec<Scope>,
    /// How deep.
    pub depth: Depth,
    /// Who asked.
    pub source: Source,
}
