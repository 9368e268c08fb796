//! Cache-Control of requests and responses: RFC 9111 section 5.2, RFC 5861.

use http::HeaderMap;
use http::header::HeaderName;
use std::time::Duration;

/// A directive that may name fields: `no-cache`, `private`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Qualified {
    /// The directive is absent.
    #[default]
    Absent,
    /// It stands alone and covers the whole response.
    Whole,
    /// It covers these fields only.
    Fields(Box<[HeaderName]>),
}

/// The directives of a response that govern a shared cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, whole or for named fields
    pub no_cache: Qualified,
    /// `private`, whole or for named fields
    pub private: Qualified,
    /// `public`
    pub public: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `s-maxage`
    pub s_maxage: Option<Duration>,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// `no-transform`
    pub no_transform: bool,
    /// `stale-while-revalidate`, RFC 5861 section 3
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error`, RFC 5861 section 4
    pub stale_if_error: Option<Duration>,
}

/// How much staleness a request accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxStale {
    /// Any.
    Any,
    /// Up to this much.
    UpTo(Duration),
}

/// The directives of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestDirectives {
    /// `no-cache`
    pub no_cache: bool,
    /// `Pragma: no-cache` without any Cache-Control, RFC 9111 section 5.4
    pub pragma_no_cache: bool,
    /// `no-store`
    pub no_store: bool,
    /// `no-transform`
    pub no_transform: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `min-fresh`
    pub min_fresh: Option<Duration>,
    /// `max-stale`
    pub max_stale: Option<MaxStale>,
    /// `stale-if-error`, RFC 5861 section 4
    pub stale_if_error: Option<Duration>,
}

impl RequestDirectives {
    /// Reads Cache-Control and Pragma of a request.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        todo!("{headers:?}")
    }
}

impl ResponseDirectives {
    /// Reads Cache-Control of a response (not the targeted fields, see [`super::targeted`]).
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        todo!("{headers:?}")
    }
}
