//! Request fields that change an answer without being part of its key: dropped from a cacheable fetch unless keyed.
//!
//! Frameworks and servers take host, path, method, scheme or client address from these fields where a proxy is expected
//! in front, and storage services take from them how to answer. A client that can set one could make the origin answer
//! something else under the same key. Via and CDN-Loop stay: they end loops.

use http::HeaderName;

/// Fields by name, sorted.
const NAMES: [&str; 108] = [
    "base-url",
    "cf-connecting-ip",
    "cf-visitor",
    "client-ip",
    "cloudfront-forwarded-proto",
    "fastly-client",
    "fastly-client-ip",
    "fastly-host",
    "fastly-orig-accept-encoding",
    "fastly-orig-host",
    "fastly-ssl",
    "forwarded",
    "forwarded-for",
    "forwarded-host",
    "forwarded-proto",
    "front-end-https",
    "host-override",
    "http-client-ip",
    "http-host",
    "max-forwards",
    "original-host",
    "original-url",
    "profile",
    "proxy",
    "proxy-client-ip",
    "proxy-host",
    "proxy-url",
    "real-ip",
    "remote-addr",
    "remote-host",
    "request-range",
    "request-uri",
    "script-name",
    "surrogate-capability",
    "true-client-ip",
    "url",
    "wap-profile",
    "wl-proxy-client-ip",
    "wl-proxy-ssl",
    "x-amz-website-redirect-location",
    "x-arr-ssl",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-backend-host",
    "x-backend-server",
    "x-cdn-src-ip",
    "x-client-host",
    "x-client-ip",
    "x-client-scheme",
    "x-cluster-client-ip",
    "x-cos-website-redirect-location",
    "x-custom-ip-authorization",
    "x-destination-url",
    "x-dispatch-url",
    "x-env-path-info",
    "x-esi",
    "x-goog-website-redirect-location",
    "x-hidden-host",
    "x-host",
    "x-host-name",
    "x-host-override",
    "x-http-destinationurl",
    "x-http-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-http-scheme",
    "x-http-url",
    "x-https",
    "x-internal-host",
    "x-ip",
    "x-lighttpd-send-file",
    "x-matched-path",
    "x-method",
    "x-method-override",
    "x-ms-website-redirect-location",
    "x-now-route-matches",
    "x-obs-website-redirect-location",
    "x-originating-ip",
    "x-oss-website-redirect-location",
    "x-override-url",
    "x-path-info",
    "x-path-override",
    "x-port",
    "x-protocol",
    "x-proxy-host",
    "x-proxy-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-redirect-to",
    "x-remote-addr",
    "x-remote-host",
    "x-remote-ip",
    "x-reproxy-url",
    "x-request-uri",
    "x-request-url",
    "x-scheme",
    "x-server-name",
    "x-ssl",
    "x-true-client-ip",
    "x-true-ip",
    "x-uri",
    "x-url",
    "x-url-override",
    "x-url-scheme",
    "x-wap-profile",
    "x-website-redirect-location",
];

/// Families of such fields by the beginning of their names.
const PREFIXES: [&str; 9] = [
    "x-accel-",
    "x-amz-server-side-encryption",
    "x-envoy-",
    "x-forward",
    "x-invoke-",
    "x-middleware-",
    "x-original-",
    "x-rewrite-",
    "x-sendfile",
];

/// Whether a field is known to change answers without being keyed, however it is spelt.
pub(crate) fn is_poison(name: &HeaderName) -> bool {
    let name = name.as_str();
    if !may_be_known(name.as_bytes()) {
        return false;
    }
    if name.contains('_') { is_known(&name.replace('_', "-")) } else { is_known(name) }
}

fn is_known(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok() || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a name may be known, by how it begins: most fields of a request are not. A test compares.
fn may_be_known(name: &[u8]) -> bool {
    match name {
        [b'b' | b'm', b'a', ..] | [b'p' | b't' | b'u', b'r', ..] | [b'h', b't', ..] | [b'x', _, ..] => true,
        [b'c', second, ..] => matches!(second, b'f' | b'l'),
        [b'f', second, ..] => matches!(second, b'a' | b'o' | b'r'),
        [b's', second, ..] => matches!(second, b'c' | b'u'),
        [b'w', second, ..] => matches!(second, b'a' | b'l'),
        [b'r', b'e', third, ..] => matches!(third, b'a' | b'm' | b'q'),
        _ => name.len() > 4 && name.starts_with(b"host") || name.len() > 6 && name.starts_with(b"origin"),
    }
}

/// Whether a name is more than words joined by hyphens. CGI, WSGI, PHP and the like know fields by names in which all
/// that is no letter or digit is `_`: to them such a name is that of another field, perhaps one that was to be dropped.
pub(crate) fn has_two_readings(name: &HeaderName) -> bool {
    !name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_each_is_found() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn each_listed_name_begins_as_one_that_may_be_known() {
        for name in NAMES.iter().chain(&PREFIXES) {
            assert!(is_poison(&name.parse().expect("a field name")), "{name}");
            assert!(is_poison(&name.replace('-', "_").parse().expect("a field name")), "{name}");
        }
    }

    #[test]
    fn known_poisons_are_found_and_plain_fields_are_not() {
        for name in [
            "X-Forwarded-Host",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "Forwarded",
            "True-Client-IP",
            "X-Host",
            "X_Forwarded_Host",
            "x_http-method_override",
            "X-Forwarder-For",
            "Max-Forwards",
            "X-Amz-Website-Redirect-Location",
            "X-Amz-Server-Side-Encryption",
            "X-Accel-Mapping",
            "X-Sendfile-Type",
            "X-Rewrite-URL",
            "X-Invoke-Path",
            "Surrogate-Capability",
            "Request-Range",
        ] {
            assert!(is_poison(&name.parse().unwrap()), "{name}");
        }
        for name in [
            "Accept",
            "Accept-Language",
            "Authorization",
            "Cookie",
            "Host",
            "User-Agent",
            "Via",
            "X-Currency",
            "X-Forth",
            "X-Request-Id",
        ] {
            assert!(!is_poison(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn a_name_of_more_than_words_and_hyphens_has_two_readings() {
        for (name, expected) in
            [("X-Shop", false), ("X_Shop", true), ("x.shop", true), ("x!shop", true), ("DNT", false), ("1-a", false)]
        {
            assert_eq!(has_two_readings(&name.parse().unwrap()), expected, "{name}");
        }
    }
}
