//! Which URLs a successful unsafe request invalidates: RFC 9111 section 4.4.

use super::target::Target;
use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Method, StatusCode};

/// The targets that a response invalidates: the request's own, and those that Location and Content-Location name
/// on the same origin; none for a safe method or an unsuccessful status (anything but 2xx and 3xx).
pub(crate) fn invalidated_targets(
    method: &Method,
    target: &Target,
    status: StatusCode,
    headers: &HeaderMap,
) -> Vec<Target> {
    // "[...] in response to an unsafe request method, or a method whose safety is unknown".
    if is_safe(method) {
        return Vec::new();
    }
    // "A non-error response is one with a 2xx (Successful) or 3xx (Redirection) status code".
    if !status.is_success() && !status.is_redirection() {
        return Vec::new();
    }
    // "A cache MUST invalidate the target URI".
    let mut invalidated = vec![target.clone()];
    // "A cache MAY invalidate other URIs [...] in particular, the URI(s) in the Location and Content-Location".
    for field in [LOCATION, CONTENT_LOCATION] {
        for line in headers.get_all(field) {
            let Ok(reference) = line.to_str() else { continue };
            let Ok(named) = target.join(reference) else { continue };
            // "MUST NOT trigger an invalidation [...] if the origin of the URI to be invalidated differs": its host and
            // port, since one server answers for both schemes.
            if named.is_same_authority(target) && !invalidated.contains(&named) {
                invalidated.push(named);
            }
        }
    }
    invalidated
}

/// Whether a method is known to be safe: RFC 9110 section 9.2.1, and QUERY of RFC 10008.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::uri::Scheme;
    use http::{HeaderValue, Uri, header};
    use proptest::prelude::*;

    fn target() -> Target {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("shop.example.com"))]);
        Target::settle(&Uri::from_static("/api/products/42?page=2"), &headers, &Scheme::HTTPS).expect("a target")
    }

    fn invalidated(method: &str, status: u16, lines: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).expect("a field value"));
        }
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let status = StatusCode::from_u16(status).expect("a status");
        let targets = invalidated_targets(&method, &target(), status, &headers);
        targets.iter().map(|target| target.url().to_owned()).collect()
    }

    const OWN: &str = "https://shop.example.com/api/products/42?page=2";

    #[test]
    fn only_unsafe_methods_invalidate() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "X-UNKNOWN"] {
            assert_eq!(invalidated(method, 200, &[]), [OWN], "{method}");
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"] {
            assert!(invalidated(method, 200, &[("location", "/a")]).is_empty(), "{method}");
        }
    }

    #[test]
    fn only_success_and_redirection_invalidate() {
        for status in [200, 201, 204, 299, 301, 303, 399] {
            assert_eq!(invalidated("POST", status, &[]), [OWN], "{status}");
        }
        for status in [100, 400, 404, 409, 500, 503, 599] {
            assert!(invalidated("POST", status, &[("location", "/a")]).is_empty(), "{status}");
        }
    }

    #[test]
    fn location_and_content_location_invalidate_within_the_origin() {
        let rows: &[(&str, Option<&str>)] = &[
            ("https://shop.example.com/a", Some("https://shop.example.com/a")),
            ("HTTPS://SHOP.example.com:443/a?b=c#d", Some("https://shop.example.com/a?b=c")),
            ("//shop.example.com/a", Some("https://shop.example.com/a")),
            ("/a", Some("https://shop.example.com/a")),
            ("43", Some("https://shop.example.com/api/products/43")),
            ("../a/./b", Some("https://shop.example.com/api/a/b")),
            ("?page=3", Some("https://shop.example.com/api/products/42?page=3")),
            // The target itself, once more.
            ("", None),
            ("#top", None),
            (OWN, None),
            // The same server, as it is asked in front of a terminator of TLS or behind it.
            ("http://shop.example.com/a", Some("http://shop.example.com/a")),
            // Another origin.
            ("https://shop.example.com:8443/a", None),
            ("https://www.shop.example.com/a", None),
            ("https://evil.example/a", None),
            ("//evil.example/a", None),
            // No URL of the web.
            ("mailto:a@example.com", None),
            ("https://", None),
            ("http://[", None),
        ];
        for (reference, expected) in rows {
            let expected: Vec<_> = std::iter::once(OWN).chain(*expected).collect();
            for field in ["location", "content-location"] {
                assert_eq!(invalidated("POST", 200, &[(field, reference)]), expected, "{field}: {reference}");
            }
        }
    }

    #[test]
    fn each_target_is_named_once_and_none_is_left_out() {
        let twice = [("location", "/a"), ("content-location", "/a")];
        assert_eq!(invalidated("PUT", 201, &twice), [OWN, "https://shop.example.com/a"]);
        let names: Vec<_> = (0..100).map(|number| format!("/{number}")).collect();
        let many: Vec<_> = names.iter().map(|name| ("location", name.as_str())).collect();
        assert_eq!(invalidated("PUT", 201, &many).len(), 1 + many.len());
    }

    proptest! {
        #[test]
        fn any_location_is_read_without_panic_and_stays_within_the_origin(line in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                let headers = HeaderMap::from_iter([(LOCATION, value)]);
                for named in invalidated_targets(&Method::POST, &target(), StatusCode::OK, &headers) {
                    prop_assert!(named.is_same_authority(&target()));
                }
            }
        }
    }
}
