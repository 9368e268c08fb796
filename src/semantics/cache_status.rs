//! The Cache-Status and Proxy-Status fields: RFC 9211, RFC 9209.

use super::reason::Reason;
use http::HeaderValue;

/// Why a request went forward: the `fwd` parameter of RFC 9211 section 2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Nothing under this key.
    UriMiss,
    /// No fitting variant.
    VaryMiss,
    /// What was stored is stale.
    Stale,
    /// Only a part was stored.
    Partial,
    /// The request's own directives.
    Request,
    /// The route or the request's form passes the cache by.
    Bypass,
    /// The method.
    Method,
}

/// What became of one request in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatus {
    /// None: a hit.
    pub forward: Option<Forward>,
    /// The origin's status, where the request went forward and it differs from what the client gets.
    pub forward_status: Option<u16>,
    /// Whether the response was (or, while it streams, will be) stored.
    pub stored: bool,
    /// Whether the request shared another's fetch.
    pub collapsed: bool,
    /// What is left of the lifetime in whole seconds, negative when stale.
    pub ttl_secs: Option<i64>,
    /// The reason, as `detail`.
    pub detail: Option<Reason>,
}

impl CacheStatus {
    /// The member for this cache, `larder; hit; ttl=271`.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        todo!()
    }
}
