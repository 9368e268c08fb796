//! What a proxy drops and adds when it forwards a message: RFC 9110 section 7.6, RFC 7239, RFC 8586.

use super::forwarded::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, address};
use bytes::{BufMut, Bytes};
use http::header::{
    CONNECTION, Entry, FORWARDED, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
    VIA,
};
use http::{HeaderMap, HeaderValue, Version};
use std::net::IpAddr;

/// What the fields of forwarding need besides names of hosts and addresses of proxies.
const FORWARDING_BYTES: usize = 160;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// The fields that concern one connection whether Connection names them or not (RFC 9110 section 7.6.1), and those of
/// proxy authentication (section 11.7), which end at a gateway. TE is apart, see [`is_hop_by_hop`].
static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_AUTHENTICATION_INFO,
];

/// Whether a field concerns one connection whatever Connection says. Of TE a part may be sent on, see
/// [`strip_hop_by_hop`].
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == TE || is_listed(name)
}

/// Whether a name is one of [`HOP_BY_HOP`]: most are not as long as any of these.
fn is_listed(name: &HeaderName) -> bool {
    matches!(name.as_str().len(), 7 | 10 | 14 | 16..=19 | 25) && HOP_BY_HOP.contains(name)
}

/// Removes hop-by-hop fields and those that Connection names (RFC 9110 section 7.6.1).
///
/// Connection can't name away a field that is meant for all recipients, such as Cache-Control or Authorization: senders
/// must not, and a client that does is up to no good. Of TE only `trailers` stays, as trailers are passed on.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        for name in nominated(headers) {
            if !is_end_to_end(&name) {
                headers.remove(name);
            }
        }
    }
    // To look at the few names that are there costs less than to look up all that might be.
    let mut has_te = false;
    let mut others = false;
    for name in headers.keys() {
        has_te |= *name == TE;
        others |= is_listed(name);
    }
    if others {
        for name in &HOP_BY_HOP {
            headers.remove(name);
        }
    }
    if has_te {
        let takes_trailers = has_token(headers, &TE, b"trailers");
        headers.remove(TE);
        if takes_trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
}

/// As [`strip_hop_by_hop`], of a request that is sent on: where trailers are welcome, the next hop gets that.
pub(crate) fn set_for_next_hop(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    if headers.contains_key(TE) {
        // What is left of it is meant for the next hop only.
        headers.append(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Puts the fields of an upgrade back in, where there is one.
pub(crate) fn allow_upgrade(headers: &mut HeaderMap, protocols: Option<HeaderValue>) {
    if let Some(protocols) = protocols {
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocols);
    }
}

/// Takes those fields that are `wanted` out of what Connection names, so that [`strip_hop_by_hop`] leaves them.
pub(crate) fn keep_from_connection(headers: &mut HeaderMap, wanted: impl Fn(&HeaderName) -> bool) {
    if !nominated(headers).iter().any(&wanted) {
        return;
    }
    let lines = headers.get_all(CONNECTION).iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let kept: Vec<&[u8]> =
        options.filter(|option| HeaderName::from_bytes(option).is_ok_and(|name| !wanted(&name))).collect();
    match HeaderValue::from_bytes(&kept.join(&b", "[..])) {
        Ok(value) if !value.is_empty() => drop(headers.insert(CONNECTION, value)),
        _ => drop(headers.remove(CONNECTION)),
    }
}

/// The fields that Connection names.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    // TE is named where it is sent (section 10.1.4), and is judged by its value.
    options.filter_map(|option| HeaderName::from_bytes(option).ok()).filter(|name| *name != TE).collect()
}

/// Whether a field means something to all recipients, so that Connection can't name it.
fn is_end_to_end(name: &HeaderName) -> bool {
    let text = name.as_str();
    ["content-", "if-", "accept", "x-forwarded-", "access-control-", "cdn-", "cache-", "surrogate-", "sec-"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || matches!(
            text,
            "age"
                | "authorization"
                | "cookie"
                | "date"
                | "etag"
                | "expect"
                | "expires"
                | "forwarded"
                | "host"
                | "last-modified"
                | "location"
                | "origin"
                | "pragma"
                | "range"
                | "referer"
                | "retry-after"
                | "set-cookie"
                | "traceparent"
                | "tracestate"
                | "trailer"
                | "user-agent"
                | "vary"
                | "via"
                | "warning"
                | "www-authenticate"
        )
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    let lines = headers.get_all(name).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    members.any(|member| {
        member.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(token)
    })
}

/// The protocols that a request asks to change to: the value of Upgrade, where Connection names it (RFC 9110 section
/// 7.8). To be read before [`strip_hop_by_hop`].
pub(crate) fn requested_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    if has_token(headers, &CONNECTION, b"upgrade") { headers.get(UPGRADE).cloned() } else { None }
}

/// Leaves of the protocols that a request asks to change to those that are `passed` on, by their names without a version.
/// All others are ignored, and so is all of it in HTTP/1.0: where nothing is left, the request is one like any other (RFC
/// 9110 section 7.8).
pub(crate) fn keep_upgrade<N: AsRef<str>>(headers: &mut HeaderMap, version: Version, passed: &[N]) {
    let kept = kept_upgrade(headers, version, passed);
    headers.remove(UPGRADE);
    if let Some(kept) = kept {
        headers.insert(UPGRADE, kept);
    }
}

/// What [`keep_upgrade`] leaves of Upgrade, if anything.
pub(crate) fn kept_upgrade<N: AsRef<str>>(headers: &HeaderMap, version: Version, passed: &[N]) -> Option<HeaderValue> {
    if !headers.contains_key(UPGRADE) {
        return None;
    }
    let is_asked = version >= Version::HTTP_11 && has_token(headers, &CONNECTION, b"upgrade");
    let lines = headers.get_all(UPGRADE).iter().filter(|_| is_asked);
    let members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let is_passed = |member: &&[u8]| {
        let name = member.split(|byte| *byte == b'/').next().unwrap_or_default();
        passed.iter().any(|passed| passed.as_ref().as_bytes().eq_ignore_ascii_case(name))
    };
    let kept = members.filter(is_passed).collect::<Vec<_>>().join(&b", "[..]);
    HeaderValue::from_bytes(&kept).ok().filter(|kept| !kept.is_empty())
}

/// Whether all that Connection names is what goes without saying, or goes with an upgrade that is ignored.
pub(crate) fn keeps_alive_plainly(headers: &HeaderMap) -> bool {
    let mut options = headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    options.all(|option| {
        let is = |name: &str| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        is("keep-alive") || is("upgrade") || is("http2-settings")
    })
}

/// Whether a field is one that [`set_forwarding`] sets: what stands in it was written here.
pub(crate) fn is_set_here(name: &HeaderName) -> bool {
    SET_HERE.contains(name)
}

/// See [`set_forwarding`].
static SET_HERE: [HeaderName; 4] = [FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST];

/// The client that a request's X-Forwarded-For names, where that is one address.
pub(crate) fn named_client(headers: &HeaderMap) -> Option<IpAddr> {
    address(headers.get(X_FORWARDED_FOR)?.to_str().ok()?)
}

/// What forwarding adds for the origin about the request's way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForwardingContext<'a> {
    /// The client's address; `None` if it is not known.
    pub client: Option<IpAddr>,
    /// The trusted proxies between the client and this one, the nearest to the client first.
    pub proxies: &'a [IpAddr],
    /// The scheme that the client used.
    pub scheme: &'a str,
    /// The authority that the client asked, see [`super::target::Target::authority`].
    pub host: &'a str,
}

/// Sets Forwarded (RFC 7239), X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host of a request, in place of what is
/// there. They say what is believed and nothing else.
pub(crate) fn set_forwarding(headers: &mut HeaderMap, context: ForwardingContext<'_>) {
    let ForwardingContext { client, proxies, scheme, host } = context;
    // All four lie in one allocation.
    let mut text = Vec::with_capacity(FORWARDING_BYTES + 2 * host.len() + 96 * proxies.len());
    for (place, address) in client.iter().chain(proxies).enumerate() {
        text.put_slice(if place == 0 { b"" } else { b", " });
        put_address(*address, &mut text);
    }
    let addresses_end = text.len();
    put_elements(context, &mut text);
    let elements_end = text.len();
    text.put_slice(host.as_bytes());
    let text = Bytes::from(text);
    for (name, place) in [
        (FORWARDED, addresses_end..elements_end),
        (X_FORWARDED_FOR, 0..addresses_end),
        (X_FORWARDED_HOST, elements_end..text.len()),
    ] {
        match HeaderValue::from_maybe_shared(text.slice(place)) {
            Ok(value) if !value.is_empty() => drop(headers.insert(name, value)),
            _ => drop(headers.remove(name)),
        }
    }
    let scheme = match scheme {
        "http" => HeaderValue::from_static("http"),
        "https" => HeaderValue::from_static("https"),
        other => HeaderValue::from_str(other).unwrap_or_else(|_| HeaderValue::from_static("")),
    };
    headers.insert(X_FORWARDED_PROTO, scheme);
}

/// Appends this hop to Via, of requests and responses alike: `1.1 larder`.
pub(crate) fn append_via(headers: &mut HeaderMap, received: Version) {
    let hop = match received {
        Version::HTTP_09 => "0.9 larder",
        Version::HTTP_10 => "1.0 larder",
        Version::HTTP_2 => "2 larder",
        Version::HTTP_3 => "3 larder",
        _ => "1.1 larder",
    };
    append_to_list(headers, VIA, HeaderValue::from_static(hop));
}

/// RFC 7239 section 4 and 6: one element for each address, the first of which says what the client asked. An IPv6
/// address stands in brackets, and what is no token in quotes.
fn put_elements(context: ForwardingContext<'_>, out: &mut Vec<u8>) {
    let ForwardingContext { client, proxies, scheme, host } = context;
    let is_token = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
    let quote: &[u8] = if is_token { b"" } else { b"\"" };
    let asked = [b"host=", quote, host.as_bytes(), quote, b";proto=", scheme.as_bytes()];
    let mut addresses = client.iter().chain(proxies);
    if let Some(first) = addresses.next() {
        put_element(*first, out);
        out.put_u8(b';');
    }
    for part in asked {
        out.put_slice(part);
    }
    for address in addresses {
        out.put_slice(b", ");
        put_element(*address, out);
    }
}

fn put_element(address: IpAddr, out: &mut Vec<u8>) {
    let (before, after): (&[u8], &[u8]) = if address.is_ipv6() { (b"\"[", b"]\"") } else { (b"", b"") };
    out.put_slice(b"for=");
    out.put_slice(before);
    put_address(address, out);
    out.put_slice(after);
}

fn put_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                out.put_slice(if place == 0 { b"" } else { b"." });
                if octet >= 100 {
                    out.push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    out.push(b'0' + octet / 10 % 10);
                }
                out.push(b'0' + octet % 10);
            }
        }
        IpAddr::V6(address) => out.put_slice(address.to_string().as_bytes()),
    }
}

/// Adds a member to a list field; all its lines become one, as many a server reads but the first or the last.
fn append_to_list(headers: &mut HeaderMap, name: HeaderName, member: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(absent) => {
            absent.insert(member);
        }
        Entry::Occupied(mut present) => {
            let lines = present.iter().filter(|line| !line.is_empty()).chain([&member]);
            let joined = lines.map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
            if let Ok(value) = HeaderValue::from_bytes(&joined) {
                present.insert(value);
            }
        }
    }
}

/// The name of this instance in CDN-Loop (RFC 8586): `larder-` and the instance's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopToken(HeaderValue);

/// Whether a request has been here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It has not.
    First,
    /// It has: its way is a loop.
    Again,
}

impl LoopToken {
    /// The token of the instance with this id; what is no letter, digit, `-`, `.` or `_` in the id becomes `-`.
    #[must_use]
    pub fn new(instance_id: &str) -> Self {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let token = format!("larder-{}", instance_id.replace(|c| !is_safe(c), "-"));
        Self(HeaderValue::try_from(token).expect("letters, digits and punctuation make a field value"))
    }

    /// Whether a request's CDN-Loop names this instance.
    #[must_use]
    pub fn passage(&self, headers: &HeaderMap) -> Passage {
        if has_token(headers, &CDN_LOOP, self.0.as_bytes()) { Passage::Again } else { Passage::First }
    }

    /// Adds this instance to a request's CDN-Loop.
    pub fn append_to(&self, headers: &mut HeaderMap) {
        append_to_list(headers, CDN_LOOP, self.0.clone());
    }
}

#[cfg(test)]
#[path = "forwarding_tests.rs"]
mod tests;
