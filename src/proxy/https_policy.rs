//! Clients that come in clear text are sent to TLS (`listen.redirect_https`), and those that come over TLS are asked to
//! stay there (`listen.hsts`, RFC 6797). What counts is how the client came: behind trusted proxies, what they say of it.

use super::listen_address::ListenAddress;
use super::listening::Listening;
use crate::engine::origin::{Body, empty_body};
use crate::engine::outcome::{Decision, Outcome};
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use http::header::{LOCATION, STRICT_TRANSPORT_SECURITY};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

/// `listen.redirect_https` and `listen.hsts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpsPolicy {
    /// `listen.redirect_https`: the port that clients in clear text are sent to; none: they are answered.
    pub redirect: Option<RedirectPort>,
    /// `listen.hsts`: the value of Strict-Transport-Security, in place of the origin's; none: the origin's is passed on.
    pub hsts: Option<HeaderValue>,
}

/// The port that clients in clear text are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectPort {
    /// That of the first listener that speaks TLS over TCP.
    OfListener,
    /// This one.
    Number(u16),
}

/// What an authority that proves by HTTP whose a name is asks for, in clear text (RFC 8555 section 8.3).
const ACME_CHALLENGE: &str = "/.well-known/acme-challenge/";

/// The port of https without one in the URL.
const HTTPS_PORT: u16 = 443;

impl HttpsPolicy {
    /// The same, with the port that the listener has found.
    pub(super) fn beside(mut self, listeners: &[Listening]) -> Self {
        if self.redirect == Some(RedirectPort::OfListener) {
            let port = listeners.iter().filter(|listening| listening.tls.is_some()).find_map(|listening| {
                match &listening.address {
                    ListenAddress::Tcp(address) => Some(address.port()),
                    ListenAddress::Unix(_) => None,
                }
            });
            self.redirect = port.map(RedirectPort::Number);
        }
        self
    }

    /// Whether requests that came by this scheme may be sent elsewhere.
    pub(super) fn may_redirect(&self, scheme: &Scheme) -> bool {
        self.redirect.is_some() && *scheme != Scheme::HTTPS
    }

    /// The answer to a request that is sent to TLS; `None` if it is answered here, or names no single host and path.
    pub(super) fn redirect<B>(&self, request: &Request<B>, scheme: &Scheme) -> Option<Response<Body>> {
        let Some(RedirectPort::Number(port)) = self.redirect.filter(|_| self.may_redirect(scheme)) else { return None };
        let target = Target::of(request, scheme).ok()?;
        if is_acme_challenge(request.method(), target.path()) {
            return None;
        }
        let authority: Authority = target.authority().parse().ok()?;
        let host = authority.host();
        // OPTIONS * is about the server as a whole: RFC 9112 section 3.2.4.
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let path = if path == "*" { "" } else { path };
        let location = match port {
            HTTPS_PORT => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        };
        let mut response = Response::new(empty_body());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, HeaderValue::try_from(location).ok()?);
        Some(response)
    }

    /// What clients that came by this scheme get in Strict-Transport-Security.
    pub(super) fn hsts(&self, scheme: &Scheme) -> Option<&HeaderValue> {
        self.hsts.as_ref().filter(|_| *scheme == Scheme::HTTPS)
    }

    /// Tells it in an answer. A browser reads the first such field only, so the origin's own makes way.
    pub(super) fn tell(&self, scheme: &Scheme, headers: &mut HeaderMap) {
        if let Some(hsts) = self.hsts(scheme) {
            headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }
}

/// How a redirect was decided.
pub(super) const fn redirected() -> Decision {
    let (outcome, reason) = (Outcome::Redirect, Reason::RedirectHttps);
    Decision { outcome, reason, route: None, cache_status: None, storing: None }
}

/// Whether a request asks for the proof that a challenge wants: a token of base64url below the path for it, and nothing
/// that could be another path in disguise.
fn is_acme_challenge(method: &Method, path: &str) -> bool {
    let token = path.strip_prefix(ACME_CHALLENGE).unwrap_or_default();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    matches!(*method, Method::GET | Method::HEAD) && !token.is_empty() && token.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HOST;

    #[test]
    fn requests_in_clear_text_are_sent_to_the_same_url_over_tls() {
        let policy = |port| HttpsPolicy { redirect: Some(RedirectPort::Number(port)), hsts: None };
        for (method, uri, host, port, expected) in [
            (Method::GET, "/a?b=c", "shop.example", 443, Some("https://shop.example/a?b=c")),
            (Method::POST, "/a", "shop.example:8080", 8443, Some("https://shop.example:8443/a")),
            (Method::HEAD, "/a%2Fb/../c", "SHOP.example:80", 443, Some("https://shop.example/a%2Fb/../c")),
            (Method::GET, "http://other.example/x", "shop.example", 443, Some("https://other.example/x")),
            (Method::GET, "/", "[2001:db8::1]:8080", 8443, Some("https://[2001:db8::1]:8443/")),
            (Method::OPTIONS, "*", "shop.example", 443, Some("https://shop.example")),
            (Method::GET, "//evil.example/", "shop.example", 443, Some("https://shop.example//evil.example/")),
            (Method::GET, "/.well-known/acme-challenge/tok-en_1", "shop.example", 443, None),
            (Method::POST, "/.well-known/acme-challenge/t", "s", 443, Some("https://s/.well-known/acme-challenge/t")),
            (Method::GET, "/.well-known/acme-challenge/", "s", 443, Some("https://s/.well-known/acme-challenge/")),
            (
                Method::GET,
                "/.well-known/acme-challenge/..%2Fadmin",
                "s",
                443,
                Some("https://s/.well-known/acme-challenge/..%2Fadmin"),
            ),
            (
                Method::GET,
                "/.well-known/acme-challenge/../admin",
                "s",
                443,
                Some("https://s/.well-known/acme-challenge/../admin"),
            ),
            // Whoever names no host is refused as ever.
            (Method::GET, "/", "not a host", 443, None),
        ] {
            let mut request = Request::new(());
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.parse().unwrap();
            request.headers_mut().insert(HOST, HeaderValue::from_str(host).unwrap());
            let answer = policy(port).redirect(&request, &Scheme::HTTP);
            let location = answer.as_ref().map(|answer| answer.headers()[LOCATION].to_str().unwrap());
            assert_eq!(location, expected, "{method} {uri} {host}");
            assert!(answer.is_none_or(|answer| answer.status() == StatusCode::PERMANENT_REDIRECT));
            assert!(policy(port).redirect(&request, &Scheme::HTTPS).is_none(), "{uri}");
            assert!(HttpsPolicy::default().redirect(&request, &Scheme::HTTP).is_none(), "{uri}");
        }
    }

    #[test]
    fn rfc_6797_7_2_only_answers_over_tls_carry_the_policy_and_only_one_of_it() {
        let hsts = HeaderValue::from_static("max-age=63072000");
        let policy = HttpsPolicy { redirect: None, hsts: Some(hsts) };
        for (scheme, expected) in
            [(Scheme::HTTP, vec!["max-age=1", "max-age=2"]), (Scheme::HTTPS, vec!["max-age=63072000"])]
        {
            let mut headers = HeaderMap::new();
            for origins in ["max-age=1", "max-age=2"] {
                headers.append(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(origins));
            }
            policy.tell(&scheme, &mut headers);
            let told: Vec<_> = headers.get_all(STRICT_TRANSPORT_SECURITY).iter().collect();
            assert_eq!(told, expected, "{scheme}");
        }
    }
}
