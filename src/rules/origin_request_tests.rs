//! Paths on their way to the origin and back.

use super::*;
use http::Uri;
use http::uri::Scheme;
use proptest::prelude::*;

fn rule(strip: &str, add: &str, host: Option<&'static str>) -> OriginRequestRule {
    OriginRequestRule {
        strip_prefix: strip.to_owned(),
        add_prefix: add.to_owned(),
        host: host.map(HeaderValue::from_static),
        ..OriginRequestRule::default()
    }
}

fn target(path: &str, scheme: &Scheme) -> Target {
    let headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("shop.test:8080"))]);
    Target::settle(&path.parse::<Uri>().unwrap(), &headers, scheme).unwrap()
}

#[test]
fn the_clients_path_becomes_the_origins() {
    for (strip, add, clients, origins) in [
        ("", "", "/shop/a?b=/shop", "/shop/a?b=/shop"),
        ("/shop", "", "/shop/a?b=/shop", "/a?b=/shop"),
        ("/shop", "", "/shop", "/"),
        ("/shop", "", "/shop?x", "/?x"),
        ("/shop", "", "/shop/", "/"),
        ("", "/v2", "/shop/a", "/v2/shop/a"),
        ("", "/v2", "/", "/v2/"),
        ("/shop", "/v2/api", "/shop/a", "/v2/api/a"),
        ("/shop", "/v2", "/shop", "/v2"),
        ("/shop/eu", "/v2", "/shop/eu/a", "/v2/a"),
    ] {
        assert_eq!(rule(strip, add, None).path_and_query(clients), origins, "{strip} {add} {clients}");
    }
}

#[test]
fn what_passes_through_can_leave_no_prefix() {
    let mapped = rule("/shop", "/v2", None);
    for (raw, sent) in [
        ("/shop/a?b", Some("/v2/a?b")),
        ("/shop/%61", Some("/v2/a")),
        ("/%73hop/a", Some("/v2/a")),
        ("/x/../shop/a", Some("/v2/a")),
        ("/shop/../shop/a", Some("/v2/a")),
        ("/shop/a%2Fb", Some("/v2/a%2Fb")),
        ("/shop//a", Some("/v2//a")),
        ("/shop/..;/a", None),
        ("/shop/..%2Fa", None),
        ("/shop/%2e%2e%2fa", None),
        ("/shop/%252e%252e%2fa", None),
        ("/shop/..%5ca", None),
    ] {
        let target = target(raw, &Scheme::HTTP);
        assert_eq!(mapped.path_and_query_passed(raw, &target).ok().as_deref(), sent, "{raw}");
        let plain = rule("", "", Some("api.internal"));
        assert_eq!(plain.path_and_query_passed(raw, &target).as_deref(), Ok(raw), "word for word without a prefix");
    }
}

#[test]
fn the_urls_of_an_answer_are_those_that_the_client_knows() {
    let both = rule("/shop", "/v2", Some("api.internal"));
    let strip = rule("/shop", "", None);
    let host = rule("", "", Some("api.internal:8000"));
    for (rule, asked, reference, expected) in [
        (&both, "/shop/a/b", "/v2/c?d=/v2#e", "/shop/c?d=/v2#e"),
        (&both, "/shop/a/b", "/v2", "/shop"),
        (&both, "/shop/a/b", "/v22/c", "/v22/c"),
        (&both, "/shop/a/b", "/login", "/login"),
        (&both, "/shop/a/b", "http://api.internal/v2/c", "http://shop.test:8080/shop/c"),
        (&both, "/shop/a/b", "HTTP://API.internal:80/v2/c", "http://shop.test:8080/shop/c"),
        (&both, "/shop/a/b", "https://api.internal/v2/c", "https://shop.test:8080/shop/c"),
        (&both, "/shop/a/b", "//api.internal/v2", "//shop.test:8080/shop"),
        (&both, "/shop/a/b", "http://api.internal", "http://shop.test:8080/"),
        (&both, "/shop/a/b", "http://shop.test:8080/v2/c", "http://shop.test:8080/shop/c"),
        (&both, "/shop/a/b", "http://api.internal:81/v2/c", "http://api.internal:81/v2/c"),
        (&both, "/shop/a/b", "http://elsewhere.test/v2/c", "http://elsewhere.test/v2/c"),
        (&both, "/shop/a/b", "http://u:p@api.internal/v2", "http://u:p@api.internal/v2"),
        (&both, "/shop/a/b", "mailto:a@b", "mailto:a@b"),
        (&both, "/shop/a/b", "https:", "https:"),
        (&both, "/shop/a/b", "c", "c"),
        (&both, "/shop/a/b", "?page=2", "?page=2"),
        (&both, "/shop/a/b", "", ""),
        (&both, "/shop/a/b", "../c#d", "../c#d"),
        (&both, "/shop/a/b", "../../c", "../../c"),
        (&strip, "/shop/a", "/login", "/shop/login"),
        (&strip, "/shop/a", "/", "/shop/"),
        (&strip, "/shop/a", "../b#c", "/shop/b#c"),
        (&strip, "/shop/a", "http://shop.test:8080", "http://shop.test:8080/shop/"),
        (&host, "/a", "/b", "/b"),
        (&host, "/a", "http://api.internal:8000/b", "http://shop.test:8080/b"),
        (&host, "/a", "http://api.internal/b", "http://api.internal/b"),
    ] {
        for name in ["location", "content-location"] {
            let mut headers = HeaderMap::new();
            headers.append(name, HeaderValue::from_str(reference).unwrap());
            rule.map_back(&target(asked, &Scheme::HTTP), &mut headers);
            assert_eq!(headers[name], expected, "{name}: {reference} for {asked}");
        }
    }
}

#[test]
fn every_line_is_mapped_and_bytes_outside_ascii_stay_as_they_are() {
    let mut headers = HeaderMap::new();
    headers.append("location", HeaderValue::from_bytes(b"/v2/\xe9").unwrap());
    headers.append("location", HeaderValue::from_static("/v2/b"));
    rule("/shop", "/v2", None).map_back(&target("/shop/a", &Scheme::HTTP), &mut headers);
    assert_eq!(headers.get_all("location").iter().collect::<Vec<_>>(), [&b"/shop/\xe9"[..], b"/shop/b"]);
}

#[test]
fn the_origins_own_name_takes_the_clients_scheme() {
    let mut headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("http://api.internal/b"))]);
    rule("", "", Some("api.internal")).map_back(&target("/a", &Scheme::HTTPS), &mut headers);
    assert_eq!(headers[LOCATION], "https://shop.test:8080/b");
}

#[test]
fn a_client_cannot_have_dropped_what_the_route_sets() {
    let rule = OriginRequestRule {
        set: vec![(HeaderName::from_static("x-key"), HeaderValue::from_static("s3"))],
        removed: vec![HeaderName::from_static("x-debug")],
        ..OriginRequestRule::default()
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [("connection", "X-Key, upgrade"), ("x-key", "a"), ("x-key", "b"), ("x-debug", "1")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    rule.change(&mut headers);
    assert_eq!(headers.get_all("x-key").iter().collect::<Vec<_>>(), ["s3"]);
    assert_eq!(headers["connection"], "upgrade");
    assert!(!headers.contains_key("x-debug"));
}

proptest! {
    #[test]
    fn a_mapped_path_comes_back(path in "(/[a-z%.]{0,4}){0,3}", query in "(\\?[a-z/]{0,4})?") {
        let rule = rule("/shop", "/v2", None);
        let clients = format!("/shop{path}{query}");
        let origins = rule.path_and_query(&clients).into_owned();
        prop_assert_eq!(rule.clients_path(origins.as_bytes()), clients.as_bytes());
    }

    #[test]
    fn any_reference_is_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            let mut headers = HeaderMap::from_iter([(LOCATION, value)]);
            rule("/shop", "/v2", Some("api.internal")).map_back(&target("/shop/a", &Scheme::HTTP), &mut headers);
            prop_assert_eq!(headers.len(), 1);
        }
    }
}
