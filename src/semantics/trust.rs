//! Who is believed about a request's way, and what that comes to: client, scheme, host and id of the request.

use super::credentials::carries_credentials;
use super::forwarded::{
    Hop, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, address, forwarded_hops, members_from_the_right,
};
use super::network::Network;
use http::header::{FORWARDED, HeaderName};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;

/// The field that names a request in the logs of all that it passes.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the names of all fields of the X-Forwarded family begin with.
const X_FORWARDED: &str = "x-forwarded-";

/// A request id of a proxy that is longer is not taken.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The fields that trusted proxies set. Those of the other family come from somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and their kin.
    XForwarded,
    /// `Forwarded`: RFC 7239.
    Forwarded,
}

/// Whether the host that trusted proxies name takes the place of Host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostTrust {
    /// It does.
    Believed,
    /// Host alone counts.
    Ignored,
}

/// Whether the sender of a request is a trusted proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It is: what it says is believed.
    Trusted,
    /// It is the client.
    Client,
}

/// Who is believed, about what.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The networks of the trusted proxies.
    pub proxies: Vec<IpNet>,
    /// The family of fields that they set.
    pub family: Family,
    /// Whether their host counts.
    pub host: HostTrust,
    /// The scheme of a request about which nobody says otherwise.
    pub scheme: Scheme,
}

impl Default for Trust {
    fn default() -> Self {
        Self { proxies: Vec::new(), family: Family::XForwarded, host: HostTrust::Ignored, scheme: Scheme::HTTP }
    }
}

/// Which way a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The client: the first sender, going back from here, that is no trusted proxy.
    pub client: IpAddr,
    /// The trusted proxies behind it, the one that sent the request here at the end.
    pub proxies: Vec<IpAddr>,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// The host that the client asked, where that is not what Host says.
    pub host: Option<HeaderValue>,
    /// The id that the sender gave the request, where it can stand in a log and a header as it is.
    pub said_id: Option<HeaderValue>,
    /// Who sent it here.
    pub peer: Peer,
}

impl Way {
    /// The id that the request had before it came here, where that is believed.
    #[must_use]
    pub fn request_id(&self) -> Option<&HeaderValue> {
        self.said_id.as_ref().filter(|_| self.peer == Peer::Trusted)
    }
}

impl Trust {
    /// Which way a request with these fields came that `peer` sent here by this scheme.
    #[must_use]
    pub fn way(&self, peer: IpAddr, scheme: &Scheme, headers: &HeaderMap) -> Way {
        // A dual-stack socket shows IPv4 clients as mapped addresses.
        let peer = peer.to_canonical();
        let mut way = Way {
            client: peer,
            proxies: Vec::new(),
            scheme: scheme.clone(),
            host: None,
            said_id: request_id(headers),
            peer: Peer::Client,
        };
        if !self.trusts(peer) {
            return way;
        }
        way.peer = Peer::Trusted;
        match self.family {
            Family::XForwarded => self.follow_x_forwarded(&mut way, headers),
            Family::Forwarded => self.follow(&mut way, forwarded_hops(headers)),
        }
        way.proxies.reverse();
        way
    }

    /// Removes what was said about a request's way by anyone who is not believed: both families of fields where a client
    /// sent it, the other one where a trusted proxy did. Names that are spelt with `_` are nobody's: CGI and the like
    /// take them for those with `-`, so that a client could say through a proxy what that proxy would have removed.
    /// Credentials (`X-Forwarded-Client-Cert`) say nothing of the way and are judged as such.
    pub fn remove_the_unbelieved(&self, headers: &mut HeaderMap, peer: Peer) {
        let keeps = |family: Family| peer == Peer::Trusted && self.family == family;
        if !keeps(Family::Forwarded) {
            headers.remove(FORWARDED);
        }
        if peer == Peer::Client {
            headers.remove(X_REQUEST_ID);
        }
        let tells = |name: &HeaderName| {
            let is_of_the_family = name.as_str().starts_with(X_FORWARDED) && !carries_credentials(name);
            is_respelt(name.as_str()) || (is_of_the_family && !keeps(Family::XForwarded))
        };
        if headers.keys().any(tells) {
            let names: Vec<HeaderName> = headers.keys().filter(|name| tells(name)).cloned().collect();
            for name in names {
                headers.remove(name);
            }
        }
    }

    /// As what a client is counted; `None` if it is a trusted proxy, which asks for others or for itself.
    pub(crate) fn counted(&self, client: IpAddr) -> Option<Network> {
        (!self.trusts(client)).then(|| client.into())
    }

    /// Whether an address is a trusted proxy's.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&address))
    }

    /// Goes back from proxy to proxy as long as each is trusted.
    fn follow<'a>(&self, way: &mut Way, hops: impl Iterator<Item = Hop<'a>>) {
        for hop in hops {
            if !self.trusts(way.client) {
                return;
            }
            self.believe(way, hop.scheme.as_deref(), hop.host.as_deref());
            let Some(from) = hop.from else { return };
            way.proxies.push(std::mem::replace(&mut way.client, from));
        }
        // No address is left, and the one at hand is a proxy's as well: it asks for itself.
    }

    /// The same by three lists that should be as long as one another, but often are not: one proxy may set what another
    /// adds to, so what is wanted is as far from the right as the client is, or else at the left end.
    fn follow_x_forwarded(&self, way: &mut Way, headers: &HeaderMap) {
        let addresses = members_from_the_right(headers, X_FORWARDED_FOR);
        self.follow(way, addresses.map(|text| Hop { from: address(text), ..Hop::default() }));
        let passed = way.proxies.len().max(1);
        let at = |name| members_from_the_right(headers, name).take(passed).last();
        self.believe(way, at(X_FORWARDED_PROTO), at(X_FORWARDED_HOST));
    }

    fn believe(&self, way: &mut Way, scheme: Option<&str>, host: Option<&str>) {
        if let Some(scheme) = scheme.and_then(web_scheme) {
            way.scheme = scheme;
        }
        if self.host == HostTrust::Believed
            && let Some(Ok(host)) = host.filter(|host| !host.is_empty()).map(HeaderValue::from_str)
        {
            way.host = Some(host);
        }
    }
}

/// Whether a name becomes one of the X-Forwarded family where `_` and `-` are the same.
fn is_respelt(name: &str) -> bool {
    let hyphenated = |byte: u8| if byte == b'_' { b'-' } else { byte };
    let start = name.bytes().take(X_FORWARDED.len());
    name.contains('_') && start.map(hyphenated).eq(X_FORWARDED.bytes())
}

/// The scheme that a proxy names, those of WebSocket for what they run over.
fn web_scheme(name: &str) -> Option<Scheme> {
    match name.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(Scheme::HTTP),
        "https" | "wss" => Some(Scheme::HTTPS),
        _ => None,
    }
}

/// The id in a request's one X-Request-Id, where it can stand in a log and a header as it is.
fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(X_REQUEST_ID).iter();
    let (Some(id), None) = (lines.next(), lines.next()) else { return None };
    let is_fit = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',');
    let fits = !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.as_bytes().iter().all(is_fit);
    fits.then(|| id.clone())
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
