//! What Larder says of a request's way, written into its fields once, before anything judges the request: what is sent to
//! the origin is then what keys, Vary and explain see, on the fast path too.

use super::RequestContext;
use crate::clients::Clients;
use crate::rules::tokens::Tokens;
use crate::semantics::forwarding::{ForwardingContext, LoopToken, Passage, append_via, set_forwarding};
use crate::semantics::target::Target;
use crate::stamps::Stamping;
use arc_swap::ArcSwap;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri, Version};
use std::sync::Arc;
use std::time::Duration;

/// What an instance is to the requests that come to it.
#[derive(Debug, Clone)]
pub struct Front {
    /// Its name in CDN-Loop.
    pub here: LoopToken,
    /// How they are received.
    pub reception: Arc<ArcSwap<Reception>>,
    /// What each client takes.
    pub clients: Arc<Clients>,
    /// Which tokens are believed.
    pub(crate) tokens: Arc<Tokens>,
    /// How stamps are made and taken; `None` if they are neither.
    pub(crate) stamps: Option<Arc<Stamping>>,
}

/// How requests are received, which may change while the instance runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reception {
    /// Which schemes they have.
    pub schemes: Schemes,
    /// `upstream.request_timeout`: how long one may wait for the head of its answer.
    pub request_timeout: Duration,
}

/// `upstream.request_timeout` where the operator does not say.
pub(crate) const REQUEST_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);

/// Which schemes the requests of an instance have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schemes {
    /// This one, whatever a URL says.
    Only(Scheme),
    /// Either: there are proxies in front that say so.
    Told,
}

impl Schemes {
    /// The scheme of a live request for a URL of this one.
    #[must_use]
    pub fn of_live<'a>(&'a self, url: &'a Scheme) -> &'a Scheme {
        match self {
            Self::Only(scheme) => scheme,
            Self::Told => url,
        }
    }
}

impl Default for Front {
    fn default() -> Self {
        Self {
            here: LoopToken::new("unnamed"),
            reception: Arc::new(ArcSwap::from_pointee(Reception {
                schemes: Schemes::Told,
                request_timeout: REQUEST_TIMEOUT_DEFAULT,
            })),
            clients: Arc::default(),
            tokens: Arc::default(),
            stamps: None,
        }
    }
}

/// How many fields are written into a request: Via, CDN-Loop, Forwarded, and three of X-Forwarded.
const FIELDS_MARKED: usize = 6;

/// Whether a request with these fields has passed this instance before (RFC 8586); where not, writes into them which way
/// it came: Via, CDN-Loop, and both families of forwarding fields in place of whatever is there.
pub(super) fn mark(
    headers: &mut HeaderMap,
    version: Version,
    target: &Target,
    context: &RequestContext,
    here: &LoopToken,
) -> Passage {
    if here.passage(headers) == Passage::Again {
        return Passage::Again;
    }
    // At once, so that the table grows no more than once.
    headers.reserve(FIELDS_MARKED);
    here.append_to(headers);
    append_via(headers, version);
    let RequestContext { client, proxies, .. } = context;
    set_forwarding(
        headers,
        ForwardingContext { client: *client, proxies, scheme: target.scheme(), host: target.authority() },
    );
    Passage::First
}

/// A URL under another scheme, as a client writes it: without the port where it was the default of its own.
pub(super) fn under(url: &Uri, scheme: &Scheme) -> Uri {
    let mut parts = url.clone().into_parts();
    let default_port = if parts.scheme == Some(Scheme::HTTPS) { 443 } else { 80 };
    if parts.scheme.replace(scheme.clone()).is_some_and(|own| own != *scheme)
        && let Some(authority) = &parts.authority
        && authority.port_u16() == Some(default_port)
        && let Some(bare) = authority.as_str().rsplit_once(':').and_then(|(host, _)| host.parse::<Authority>().ok())
    {
        parts.authority = Some(bare);
    }
    Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
}
