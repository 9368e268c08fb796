//! What of a request goes into the key, and so into the fetch.

use http::HeaderName;

/// Which query parameters count.
#[derive(Debug, Clone)]
pub enum QueryRule {
    /// The query as it came, order and all.
    AsReceived,
    /// Only those whose name matches, sorted.
    Allow(globset::GlobSet),
    /// All but those whose name matches, sorted.
    Deny(globset::GlobSet),
}

/// Which cookies count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieRule {
    /// `cookies` is absent: the Cookie field is sent as it came and not keyed.
    AsReceived,
    /// Only these are sent, and they are keyed.
    Only(Vec<String>),
}

/// The key recipe of a route.
#[derive(Debug, Clone)]
pub struct KeyRecipe {
    /// Query parameters.
    pub query: QueryRule,
    /// Keyed headers besides what Vary says, sorted.
    pub headers: Vec<HeaderName>,
    /// Cookies.
    pub cookies: CookieRule,
}
