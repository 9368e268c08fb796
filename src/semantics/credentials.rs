//! Request fields that carry credentials: Authorization and the fields that stand in its place.
//!
//! RFC 9111 section 3.5 knows Authorization only. An answer made for an API key, a session token or a client certificate
//! is as much one client's own, so these fields count as Authorization does, unless the rule makes them part of the key.
//! Names are compared without regard to `-` and `_`: CGI, WSGI and PHP origins read both as one.

use http::{HeaderMap, HeaderName};

/// Whether a request carries credentials that its key does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// It carries none, or only such as are part of its key.
    Absent,
    /// It carries some: its answer is shared only where the origin says so (RFC 9111 section 3.5).
    Carried,
}

/// Whole names, without `-` and `_`, sorted.
const NAMES: [&str; 30] = [
    "authkey",
    "authorization",
    "cfaccessclientid",
    "dpop",
    "proxyauthorization",
    "remoteuser",
    "xaccesskey",
    "xauth",
    "xauthenticatedscope",
    "xauthenticateduserid",
    "xauthkey",
    "xauthorization",
    "xauthuser",
    "xclientdn",
    "xclientsubject",
    "xconsumercustomid",
    "xconsumerid",
    "xconsumerusername",
    "xcredentialidentifier",
    "xcredentialusername",
    "xcsrf",
    "xgoogauthenticateduseremail",
    "xgoogauthenticateduserid",
    "xjwt",
    "xremoteuser",
    "xsession",
    "xsessionid",
    "xsessionkey",
    "xsid",
    "xwebauthuser",
];

/// Beginnings of families of names, without `-` and `_`, sorted. None begins with another.
const BEGINNINGS: [&str; 16] = [
    "cfaccessjwt",
    "clientcert",
    "sslclient",
    "xamznmtls",
    "xamznoidc",
    "xarrclientcert",
    "xauthrequest",
    "xclientcert",
    "xforwardedclientcert",
    "xforwardedtlsclient",
    "xgoogiap",
    "xmsclientprincipal",
    "xmstoken",
    "xsslcert",
    "xsslclient",
    "xtlsclient",
];

/// Ends of families of names, without `-` and `_`: `x-api-key`, `x-auth-token`, `x-csrf-token` and their kin.
const ENDS: [&str; 5] = ["apikey", "assertion", "password", "secret", "token"];

impl Credentials {
    /// Those of a request with these headers under a rule that keys `keyed`. Authorization counts even where it is
    /// keyed, as RFC 9111 section 3.5 has it.
    #[must_use]
    pub fn of(headers: &HeaderMap, keyed: &[HeaderName]) -> Self {
        let is_keyed = |name: &HeaderName| keyed.iter().any(|known| letters(known).eq(letters(name)));
        let counts =
            |name: &HeaderName| *name == http::header::AUTHORIZATION || (carries_credentials(name) && !is_keyed(name));
        if headers.keys().any(counts) { Self::Carried } else { Self::Absent }
    }
}

/// Whether a request field is known to carry credentials.
pub(crate) fn carries_credentials(name: &HeaderName) -> bool {
    let is_whole = NAMES.binary_search_by(|known| known.bytes().cmp(letters(name))).is_ok();
    // What begins with one of them sorts after it, and before the next.
    let after = BEGINNINGS.partition_point(|beginning| beginning.bytes().le(letters(name)));
    let nearest = after.checked_sub(1).and_then(|at| BEGINNINGS.get(at));
    is_whole
        || nearest.is_some_and(|beginning| beginning.bytes().eq(letters(name).take(beginning.len())))
        || ENDS.iter().any(|end| end.bytes().rev().eq(letters(name).rev().take(end.len())))
}

/// A field's name without what separates its words.
fn letters(name: &HeaderName) -> impl DoubleEndedIterator<Item = u8> {
    name.as_str().bytes().filter(|byte| !matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn fields_that_carry_credentials_are_known_in_every_spelling() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "X-API-Key",
            "X_Api_Key",
            "api-key",
            "ApiKey",
            "X-Goog-Api-Key",
            "X-Auth-Token",
            "x_auth-token",
            "X-Access-Token",
            "X-Shopify-Access-Token",
            "X-Session-Token",
            "X-Session-Id",
            "X-Amz-Security-Token",
            "X-CSRF-Token",
            "X-XSRF-TOKEN",
            "X-CSRFToken",
            "Private-Token",
            "X-Vault-Token",
            "Cf-Access-Jwt-Assertion",
            "X-Goog-Iap-Jwt-Assertion",
            "X-MS-Client-Principal-Name",
            "X-Amzn-Oidc-Data",
            "X-Auth-Request-Email",
            "X-Remote-User",
            "X-Client-Cert",
            "X-Client-Subject",
            "Client-Cert-Chain",
            "X-SSL-Client-S-DN",
            "SSL_CLIENT_S_DN",
            "X-Forwarded-Client-Cert",
            "X-Forwarded-Tls-Client-Cert-Info",
            "DPoP",
        ] {
            assert!(carries_credentials(&name.parse().unwrap()), "{name}");
        }
        for name in [
            "Accept",
            "Accept-Language",
            "Cookie",
            "Host",
            "Range",
            "User-Agent",
            "X-Request-Id",
            "X-Currency",
            "X-Requested-With",
            "Sec-Fetch-User",
            "Traceparent",
            "Key",
        ] {
            assert!(!carries_credentials(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn names_are_listed_as_they_are_searched() {
        assert!(NAMES.is_sorted() && BEGINNINGS.is_sorted());
        assert!(BEGINNINGS.windows(2).all(|pair| !pair[1].starts_with(pair[0])));
    }

    #[test]
    fn what_the_rule_keys_counts_no_more_but_for_authorization() {
        let headers = |name: &str| HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("x"))]);
        let keyed = [HeaderName::from_static("x-api-key"), http::header::AUTHORIZATION];
        for (field, expected) in [
            ("x-api-key", Credentials::Absent),
            ("x_api_key", Credentials::Absent),
            ("x-auth-token", Credentials::Carried),
            ("authorization", Credentials::Carried),
            ("accept", Credentials::Absent),
        ] {
            assert_eq!(Credentials::of(&headers(field), &keyed), expected, "{field}");
        }
        assert_eq!(Credentials::of(&headers("x-api-key"), &[]), Credentials::Carried);
    }
}
