//! What is known of a request's client: one value in the request's extensions, for the upstream client and the engine.

use super::interim::InterimSender;
use http::HeaderValue;
use std::fmt;
use std::net::SocketAddr;

/// The client of one request, in the extensions of the request that the handler gets.
///
/// Whoever forwards the request reads from it what `X-Forwarded-For`, `Forwarded` and `Via` say, passes interim responses on through
/// `interim`, and asks the origin to change protocols where `upgrade` says so.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where the client's connection comes from.
    pub address: SocketAddr,
    /// The version that the client speaks: what `Via` names (RFC 9110 section 7.6.3).
    pub version: http::Version,
    /// The request's own id.
    pub request_id: RequestId,
    /// Passes interim responses on; none where the client can't get them (HTTP/1.0, HTTP/2).
    pub interim: Option<InterimSender>,
    /// The request's `Upgrade` field, where the client asks to change protocols (RFC 9110 section 7.8) and the
    /// connection can: a 101 with the origin's `hyper::upgrade::OnUpgrade` in its extensions then joins both ends.
    pub upgrade: Option<HeaderValue>,
}

/// 128 random bits that name one request in the log and in errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u128);

impl RequestId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
