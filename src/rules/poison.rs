//! Request fields that change an answer without being part of its key: dropped from a cacheable fetch unless keyed.
//!
//! Frameworks take host, path, method or client address from these fields where a proxy is expected in front. Whoever
//! can set one could make the origin answer something else under the same key. Via and CDN-Loop stay: they end loops.

use http::HeaderName;

/// Fields by name, sorted.
const NAMES: [&str; 33] = [
    "base-url",
    "cf-connecting-ip",
    "client-ip",
    "cloudfront-forwarded-proto",
    "fastly-client-ip",
    "forwarded",
    "front-end-https",
    "profile",
    "proxy",
    "request-uri",
    "script-name",
    "true-client-ip",
    "wap-profile",
    "x-backend-host",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-env-path-info",
    "x-forward-for",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-originating-ip",
    "x-proxy-url",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-request-uri",
    "x-scheme",
    "x-url-scheme",
    "x-wap-profile",
];

/// Families of such fields by the beginning of their names.
const PREFIXES: [&str; 5] = ["x-envoy-", "x-forwarded", "x-middleware-", "x-original-", "x-rewrite-"];

/// Whether a field is known to change answers without being keyed.
#[must_use]
pub fn is_poison(name: &HeaderName) -> bool {
    let name = name.as_str();
    NAMES.binary_search(&name).is_ok() || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_each_is_found() {
        assert!(NAMES.is_sorted());
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
        ] {
            assert!(is_poison(&name.parse().unwrap()), "{name}");
        }
        for name in ["Accept", "Accept-Language", "Authorization", "Cookie", "Host", "User-Agent", "Via", "X-Currency"]
        {
            assert!(!is_poison(&name.parse().unwrap()), "{name}");
        }
    }
}
