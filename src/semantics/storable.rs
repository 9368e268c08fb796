//! Whether a response may be stored: RFC 9111 section 3, clause by clause.

use super::lifetime::Lifetime;
use super::policy::ResponsePolicy;
use super::reason::Reason;
use http::{HeaderMap, Method};

/// One exchange, as storing sees it.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The request's method as sent to the origin.
    pub method: &'a Method,
    /// The request's headers as sent to the origin.
    pub request_headers: &'a HeaderMap,
    /// The response's headers, hop-by-hop fields already dropped.
    pub headers: &'a HeaderMap,
    /// The response's policy.
    pub policy: &'a ResponsePolicy,
    /// The lifetime in force.
    pub lifetime: &'a Lifetime,
}

/// Whether a response may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storability {
    /// It may.
    Storable,
    /// It may not, and why.
    Refused(Reason),
}

/// Judges an exchange by RFC 9111 section 3. What a route adds (Set-Cookie, size) is judged elsewhere.
#[must_use]
pub fn storability(exchange: &Exchange<'_>) -> Storability {
    todo!("{exchange:?}")
}
