//! What a request is made into at the door, before the handler sees it: what nobody believes is removed, what trusted
//! proxies tell takes its place, and what only one version of HTTP writes in its own way is written as all others do.

use super::https_policy::{HttpsPolicy, OwnFields, Path};
use super::proxy_protocol::ProxyProtocol;
use super::request_id::RequestId;
use super::socket::ConnectionFacts;
use crate::semantics::trust::{Trust, Way, X_REQUEST_ID};
use http::header::{COOKIE, HOST};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version};

/// Who is believed, and whom a request is for that does not say.
#[derive(Debug, Clone, Default)]
pub struct Entrance {
    /// `listen.trusted_proxies`, `forwarded`, `trust_host` and `scheme`.
    pub trust: Trust,
    /// `listen.default_host`: of an HTTP/1.0 request without Host; none: such a request is refused.
    pub default_host: Option<HeaderValue>,
    /// `listen.proxy_protocol`
    pub proxy_protocol: ProxyProtocol,
    /// `listen.https.client_subject`: the field that tells the origin whom the client's certificate names.
    pub client_subject: Option<HeaderName>,
    /// `listen.redirect_https`, `hsts` and `alt_svc`.
    pub https: HttpsPolicy,
}

impl Entrance {
    /// Lets a request in that came this way, under this id.
    pub(super) fn let_in<B>(&self, request: &mut Request<B>, way: &Way, facts: &ConnectionFacts, id: &RequestId) {
        self.let_in_unnamed(request, way, facts);
        request.headers_mut().insert(X_REQUEST_ID, id.to_header_value());
    }

    /// The same but for the id.
    pub(super) fn let_in_unnamed<B>(&self, request: &mut Request<B>, way: &Way, facts: &ConnectionFacts) {
        if matches!(request.version(), Version::HTTP_2 | Version::HTTP_3) {
            join_cookies(request.headers_mut());
        }
        if request.version() == Version::HTTP_10
            && request.uri().authority().is_none()
            && !request.headers().contains_key(HOST)
            && let Some(host) = &self.default_host
        {
            request.headers_mut().insert(HOST, host.clone());
        }
        self.clean(request.headers_mut(), way, facts);
        if way.host.is_some() {
            *request.uri_mut() = without_authority(request.uri());
        }
    }

    /// The fields that answers carry over a connection of which this is known, to a client that came by this scheme.
    pub(super) fn own_fields(&self, scheme: &Scheme, facts: &ConnectionFacts) -> OwnFields {
        let is_own = facts.tls.is_some() && !self.trust.trusts(facts.peer.ip());
        self.https.own_fields(scheme, if is_own { Path::OwnTls } else { Path::Other })
    }

    /// Replaces what the fields of a request say of its way, and of who sent it, by what is believed.
    fn clean(&self, headers: &mut HeaderMap, way: &Way, facts: &ConnectionFacts) {
        self.trust.remove_the_unbelieved(headers, way.peer);
        if let Some(host) = &way.host {
            headers.insert(HOST, host.clone());
        }
        if let Some(field) = &self.client_subject {
            name_client(headers, field, facts.tls.as_ref().and_then(|tls| tls.subject.as_ref()));
        }
    }
}

/// Writes whom the client's certificate names into this field, in place of whatever the client says there. Origins may read
/// `_` and `-` as one.
fn name_client(headers: &mut HeaderMap, field: &HeaderName, subject: Option<&HeaderValue>) {
    let letters = |name: &HeaderName| name.as_str().replace('_', "-");
    let spelt_alike = |name: &&HeaderName| letters(name) == letters(field);
    let said: Vec<HeaderName> = headers.keys().filter(spelt_alike).cloned().collect();
    for name in said {
        headers.remove(name);
    }
    if let Some(subject) = subject {
        headers.insert(field, subject.clone());
    }
}

/// Over HTTP/2 and HTTP/3 a client may split its cookies over several lines, which mean nothing to anyone else: RFC 9113
/// section 8.2.3, RFC 9114 section 4.2.1.
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

/// The target in origin form, where another host than the one that it names is meant.
fn without_authority(uri: &Uri) -> Uri {
    uri.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9113_8_2_3_cookie_lines_become_one() {
        for (lines, expected) in
            [(&[][..], None), (&["a=1"], Some("a=1")), (&["a=1", "b=2", "c=3; d=4"], Some("a=1; b=2; c=3; d=4"))]
        {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_static(line));
            }
            join_cookies(&mut headers);
            assert_eq!(headers.get_all(COOKIE).iter().count(), usize::from(expected.is_some()));
            assert_eq!(headers.get(COOKIE).map(|line| line.to_str().unwrap()), expected, "{lines:?}");
        }
    }
}
