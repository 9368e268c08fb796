//! Request fields that carry credentials: Authorization and the fields that stand in its place.
//!
//! RFC 9111 section 3.5 knows Authorization only. An answer made for an API key, a session token or a client certificate
//! is as much one client's own, so these fields count as Authorization does, unless the rule makes them part of the key.
//! Names are compared without regard to `-` and `_`: CGI, WSGI and PHP origins read both as one.

use http::header::AUTHORIZATION;
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
        if headers.contains_key(AUTHORIZATION) { Self::Carried } else { Self::besides_token(headers, keyed) }
    }

    /// Those besides the Authorization field, of a request whose key holds what its token claims.
    #[must_use]
    pub(crate) fn besides_token(headers: &HeaderMap, keyed: &[HeaderName]) -> Self {
        let is_keyed = |name: &HeaderName| keyed.iter().any(|known| letters(known).eq(letters(name)));
        let counts = |name: &HeaderName| *name != AUTHORIZATION && carries_credentials(name) && !is_keyed(name);
        if headers.keys().any(counts) { Self::Carried } else { Self::Absent }
    }
}

/// Whether a request field is known to carry credentials. Asked of every field of every request that is not a plain hit, most of
/// which neither begin nor end like one.
pub(crate) fn carries_credentials(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    (may_begin_like_one(name) && begins_like_one(name)) || (may_end_like_one(name) && ends_like_one(name))
}

/// The shortest of what begins with `xf`. What each request has of the kind is shorter: `x-forwarded-for` and its kin.
const XF_BYTES_MIN: usize = "xforwardedtlsclient".len();

/// Whether a name may be in [`NAMES`] or begin as [`BEGINNINGS`] do, by its first bytes and its length. A test compares.
fn may_begin_like_one(name: &[u8]) -> bool {
    match name {
        [b'a', second, ..] => matches!(second, b'u' | b'-' | b'_'),
        [b'c', second, ..] => matches!(second, b'f' | b'l' | b'-' | b'_'),
        [b'd', second, ..] => matches!(second, b'p' | b'-' | b'_'),
        [b'p', second, ..] => matches!(second, b'r' | b'-' | b'_'),
        [b'r', second, ..] => matches!(second, b'e' | b'-' | b'_'),
        [b's', second, ..] => matches!(second, b's' | b'-' | b'_'),
        [b'x', b'-' | b'_', b'f', ..] => name.len() >= XF_BYTES_MIN,
        [first, ..] => matches!(first, b'x' | b'-' | b'_'),
        [] => false,
    }
}

/// Whether a name may end as [`ENDS`] do, by its last two bytes. A test compares.
fn may_end_like_one(name: &[u8]) -> bool {
    match name {
        [.., before, last] => match last {
            b'y' | b't' => matches!(before, b'e' | b'-' | b'_'),
            b'n' => matches!(before, b'o' | b'e' | b'-' | b'_'),
            b'd' => matches!(before, b'r' | b'-' | b'_'),
            b'-' | b'_' => true,
            _ => false,
        },
        _ => false,
    }
}

fn begins_like_one(name: &[u8]) -> bool {
    let mut buffer = [0; LETTERS_MAX];
    // What is longer than all of them can only begin like one.
    let (length, rest) = letters_into(name, &mut buffer);
    let read = buffer.get(..length).unwrap_or_default();
    let is_whole = rest == Rest::Nothing && NAMES.binary_search_by(|known| known.as_bytes().cmp(read)).is_ok();
    // What begins with one of them sorts after it, and before the next.
    let after = BEGINNINGS.partition_point(|beginning| beginning.as_bytes() <= read);
    let nearest = after.checked_sub(1).and_then(|at| BEGINNINGS.get(at));
    is_whole || nearest.is_some_and(|beginning| read.starts_with(beginning.as_bytes()))
}

fn ends_like_one(name: &[u8]) -> bool {
    ENDS.iter()
        .any(|end| end.bytes().rev().eq(name.iter().copied().rev().filter(|byte| is_letter(*byte)).take(end.len())))
}

/// More letters than any of [`NAMES`] and [`BEGINNINGS`] has.
const LETTERS_MAX: usize = 32;

/// What of a name had no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Something,
}

/// Writes the first letters of a name; how many there are, and whether there were more.
fn letters_into(name: &[u8], buffer: &mut [u8; LETTERS_MAX]) -> (usize, Rest) {
    let mut letters = name.iter().copied().filter(|byte| is_letter(*byte));
    let mut length = 0;
    for (place, letter) in buffer.iter_mut().zip(&mut letters) {
        *place = letter;
        length += 1;
    }
    (length, if letters.next().is_some() { Rest::Something } else { Rest::Nothing })
}

/// Whether a byte is more than what separates the words of a name.
const fn is_letter(byte: u8) -> bool {
    !matches!(byte, b'-' | b'_')
}

/// A field's name without what separates its words.
fn letters(name: &HeaderName) -> impl Iterator<Item = u8> {
    name.as_str().bytes().filter(|byte| is_letter(*byte))
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
    fn each_listed_name_is_known_with_a_separator_anywhere_and_a_name_that_lacks_its_end_or_beginning_is_not() {
        let known = |name: &str| carries_credentials(&name.parse().expect("a field name"));
        let names = NAMES.iter().chain(&BEGINNINGS).chain(&ENDS);
        for (name, at) in names.flat_map(|name| (0..=name.len()).map(move |at| (*name, at))) {
            for separator in ["-", "_", "--"] {
                let spelt = [&name[..at], separator, &name[at..]].concat();
                assert!(known(&spelt), "{spelt}");
            }
        }
        for name in NAMES.iter().filter(|name| !BEGINNINGS.iter().chain(&ENDS).any(|part| name.contains(part))) {
            assert!(!known(&["y", name].concat()), "{name}");
            assert!(!known(&[name, "q"].concat()), "{name}");
        }
        for name in &BEGINNINGS {
            assert!(known(&[name, "-", &"q".repeat(LETTERS_MAX)].concat()), "{name}");
            assert!(!known(&name[..name.len() - 1]), "{name}");
        }
        for name in &ENDS {
            assert!(known(&["q".repeat(LETTERS_MAX).as_str(), "-", name].concat()), "{name}");
        }
    }

    #[test]
    fn names_are_listed_as_they_are_searched() {
        assert!(NAMES.iter().chain(&BEGINNINGS).all(|name| name.len() < LETTERS_MAX));
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
