//! What is known of a request's client: one value in the request's extensions, for the upstream client and the engine.

use super::interim::InterimSender;
use http::HeaderValue;
use std::fmt;

/// The client of one request, in the extensions of the request that the handler gets.
///
/// Whoever forwards the request passes interim responses on through `interim`, and asks the origin to change protocols
/// where `upgrade` says that the client's connection can.
#[derive(Debug, Clone)]
pub struct Client {
    /// Passes interim responses on; none where the client can't get them (HTTP/1.0, HTTP/2).
    pub interim: Option<InterimSender>,
    /// Whether the connection can change protocols: a 101 with the origin's `hyper::upgrade::OnUpgrade` in its extensions
    /// then joins both ends.
    pub upgrade: UpgradeAbility,
}

/// Whether the client asks to change protocols (RFC 9110 section 7.8) on a connection that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeAbility {
    /// It does.
    Able,
    /// It does not.
    Unable,
}

/// What names one request in the log, to the origin and in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// 128 bits made here.
    Made(u128),
    /// What a trusted proxy named it: visible ASCII without quotes, backslashes and commas.
    Given(HeaderValue),
}

impl RequestId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self::Made(rand::random())
    }

    /// As the value of X-Request-Id.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        match self {
            Self::Given(id) => id.clone(),
            Self::Made(_) => HeaderValue::from_str(&self.to_string()).expect("hexadecimal digits make a field value"),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(bits) => write!(f, "{bits:032x}"),
            Self::Given(id) => f.write_str(id.to_str().unwrap_or_default()),
        }
    }
}
