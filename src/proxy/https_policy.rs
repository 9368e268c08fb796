//! Clients that come in clear text are sent to TLS (`listen.redirect_https`), and those that come over TLS are asked to
//! stay there (`listen.hsts`, RFC 6797). What counts is how the client came: behind trusted proxies, what they say of it.

use super::listen_options::SecurePorts;
use crate::engine::origin::{Body, empty_body};
use crate::engine::outcome::{Decision, Outcome};
use crate::semantics::reason::Reason;
use crate::semantics::target::Target;
use http::header::{ALT_SVC, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

/// `listen.redirect_https`, `listen.hsts` and what announces HTTP/3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpsPolicy {
    /// `listen.redirect_https`: the port that clients in clear text are sent to; none: they are answered.
    pub redirect: Option<RedirectPort>,
    /// `listen.hsts`: the value of Strict-Transport-Security, in place of the origin's; none: the origin's is passed on.
    pub hsts: Option<HeaderValue>,
    /// `listen.alt_svc`: the value of Alt-Svc (RFC 7838), in place of the origin's; `None`: that of the HTTP/3 listener, if
    /// there is one, else the origin's is passed on.
    pub alt_svc: Option<HeaderValue>,
}

/// The fields that Larder itself adds to each answer of a connection, in place of those of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OwnFields {
    hsts: Option<HeaderValue>,
    alt_svc: Option<HeaderValue>,
}

impl OwnFields {
    /// Each with its name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        let fields = [(STRICT_TRANSPORT_SECURITY, &self.hsts), (ALT_SVC, &self.alt_svc)];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.hsts.is_none() && self.alt_svc.is_none()
    }

    /// Adds them to an answer. A client reads the first of such fields only, so the origin's own make way.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in self.iter() {
            headers.insert(name, value.clone());
        }
    }
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

/// How long clients may remember that HTTP/3 is offered, in seconds.
const ANNOUNCED_SECS: u32 = 86_400;

/// Where the TLS of a client ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// Here: the client speaks to this listener.
    OwnTls,
    /// In front, or it speaks none.
    Other,
}

/// The port of https without one in the URL.
const HTTPS_PORT: u16 = 443;

impl HttpsPolicy {
    /// The same, with the ports that the listeners have found.
    pub(super) fn beside(mut self, ports: SecurePorts) -> Self {
        if self.redirect == Some(RedirectPort::OfListener) {
            self.redirect = ports.tcp.map(RedirectPort::Number);
        }
        if self.alt_svc.is_none() {
            let announced = ports.quic.map(|port| format!("h3=\":{port}\"; ma={ANNOUNCED_SECS}"));
            self.alt_svc = announced.and_then(|announced| HeaderValue::try_from(announced).ok());
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

    /// What clients that came by this scheme get, over a connection of their own to this listener or by way of others.
    pub(super) fn own_fields(&self, scheme: &Scheme, path: Path) -> OwnFields {
        OwnFields {
            hsts: self.hsts.clone().filter(|_| *scheme == Scheme::HTTPS),
            // The ports of a proxy in front are not known.
            alt_svc: self.alt_svc.clone().filter(|_| path == Path::OwnTls),
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
        let policy = |port| HttpsPolicy { redirect: Some(RedirectPort::Number(port)), ..HttpsPolicy::default() };
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
        let policy = HttpsPolicy { hsts: Some(hsts), ..HttpsPolicy::default() };
        for (scheme, expected) in
            [(Scheme::HTTP, vec!["max-age=1", "max-age=2"]), (Scheme::HTTPS, vec!["max-age=63072000"])]
        {
            let mut headers = HeaderMap::new();
            for origins in ["max-age=1", "max-age=2"] {
                headers.append(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(origins));
            }
            policy.own_fields(&scheme, Path::Other).add_to(&mut headers);
            let told: Vec<_> = headers.get_all(STRICT_TRANSPORT_SECURITY).iter().collect();
            assert_eq!(told, expected, "{scheme}");
        }
    }

    #[test]
    fn rfc_7838_only_clients_of_this_listener_learn_of_its_other_port() {
        let announced = HeaderValue::from_static("h3=\":8443\"; ma=86400");
        let policy = HttpsPolicy { alt_svc: Some(announced.clone()), ..HttpsPolicy::default() };
        for (path, expected) in [(Path::OwnTls, &announced), (Path::Other, &HeaderValue::from_static("h3=\":1\""))] {
            let mut headers = HeaderMap::new();
            headers.insert(ALT_SVC, HeaderValue::from_static("h3=\":1\""));
            policy.own_fields(&Scheme::HTTPS, path).add_to(&mut headers);
            assert_eq!(headers.get_all(ALT_SVC).iter().collect::<Vec<_>>(), [expected], "{path:?}");
        }
    }
}
