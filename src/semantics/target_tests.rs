//! Targets, clause by clause.

use super::*;
use proptest::prelude::*;

fn hosts(lines: &[&str]) -> HeaderMap {
    lines.iter().map(|line| (header::HOST, HeaderValue::from_str(line).unwrap())).collect()
}

fn settled(uri: &str, host_lines: &[&str]) -> Result<String, TargetError> {
    Target::settle(&uri.parse().unwrap(), &hosts(host_lines), &Scheme::HTTP).map(|target| target.url().to_owned())
}

fn base() -> Target {
    Target::parse_absolute("https://shop.example.com/api/products/42?a=1").unwrap()
}

#[test]
fn rfc_9112_3_2_origin_and_absolute_form_settle_to_one_url() {
    for (uri, host_lines, expected) in [
        ("/", &["shop"][..], "http://shop/"),
        ("/a?b=c", &["Shop:80"], "http://shop/a?b=c"),
        ("/a?", &["shop:8080"], "http://shop:8080/a?"),
        ("/a/../b?x=%7e", &["shop"], "http://shop/b?x=%7e"),
        // Section 3.2.2: the target's authority replaces Host; the connection's scheme stays.
        ("http://Shop.example/a", &["other"], "http://shop.example/a"),
        ("http://shop.example", &[], "http://shop.example/"),
        ("https://shop.example/a", &["shop.example"], "http://shop.example/a"),
    ] {
        assert_eq!(settled(uri, host_lines).as_deref(), Ok(expected), "{uri} {host_lines:?}");
    }
}

#[test]
fn rfc_9112_3_2_requests_without_one_authority_and_path_are_refused() {
    for (uri, host_lines, expected) in [
        ("/", &[][..], TargetError::Host),
        ("/", &[""], TargetError::Host),
        ("/", &["a", "a"], TargetError::Host),
        ("/", &["a, b"], TargetError::Host),
        ("/", &["user@shop"], TargetError::Host),
        ("/", &["shop/x"], TargetError::Host),
        ("http://user@shop/", &["shop"], TargetError::Host),
        ("http://shop/", &["a", "b"], TargetError::Host),
        ("shop:80", &["shop"], TargetError::Form),
        ("ftp://shop/", &["shop"], TargetError::Form),
        ("*", &["shop"], TargetError::Form),
    ] {
        assert_eq!(settled(uri, host_lines), Err(expected), "{uri} {host_lines:?}");
    }
}

#[test]
fn rfc_9112_3_2_4_the_asterisk_is_for_options_alone_and_never_cached() {
    let request = |method| Request::builder().method(method).uri("*").header(header::HOST, "shop").body(()).unwrap();
    let target = Target::of(&request(Method::OPTIONS), &Scheme::HTTP).unwrap();
    assert!(target.is_asterisk());
    assert_eq!((target.path_and_query(), target.authority()), ("*", "shop"));
    assert_eq!(target.ambiguity(), Some(Reason::AmbiguousPath));
    assert_eq!(Target::of(&request(Method::GET), &Scheme::HTTP), Err(TargetError::Form));
    assert!(!base().is_asterisk());
}

#[test]
fn rfc_9113_8_3_1_a_host_that_differs_from_the_authority_is_refused() {
    let request = |version, host| {
        Request::builder().version(version).uri("http://shop/a").header(header::HOST, host).body(()).unwrap()
    };
    for (version, host, expected) in [
        (Version::HTTP_2, "Shop:80", Ok("http://shop/a")),
        (Version::HTTP_2, "other", Err(TargetError::Mismatch)),
        (Version::HTTP_11, "other", Ok("http://shop/a")),
    ] {
        let target = Target::of(&request(version, host), &Scheme::HTTP);
        assert_eq!(target.as_ref().map(Target::url).map_err(|error| *error), expected, "{version:?} {host}");
    }
}

#[test]
fn the_parts_of_a_target_are_those_of_its_url() {
    let target = base();
    assert_eq!(target.scheme(), "https");
    assert_eq!(target.authority(), "shop.example.com");
    assert_eq!(target.host_value(), "shop.example.com");
    assert_eq!(target.path(), "/api/products/42");
    assert_eq!(target.query(), Some("a=1"));
    assert_eq!(target.path_and_query(), "/api/products/42?a=1");
    assert_eq!(target.with_query(Some("b=2")).url(), "https://shop.example.com/api/products/42?b=2");
    assert_eq!(target.with_query(Some("b=2")).query(), Some("b=2"));
    assert_eq!(target.with_query(None).path_and_query(), "/api/products/42");
    assert_eq!(target.with_query(None).query(), None);
    assert_eq!(target.with_query(Some("")).query(), Some(""));
}

#[test]
fn rfc_3986_5_4_references_resolve_against_the_target() {
    for (reference, expected) in [
        ("", Ok("https://shop.example.com/api/products/42?a=1")),
        ("#top", Ok("https://shop.example.com/api/products/42?a=1")),
        ("?b", Ok("https://shop.example.com/api/products/42?b")),
        ("43", Ok("https://shop.example.com/api/products/43")),
        ("./43#x", Ok("https://shop.example.com/api/products/43")),
        ("../carts?x=/..", Ok("https://shop.example.com/api/carts?x=/..")),
        ("/x", Ok("https://shop.example.com/x")),
        ("//other:443/x", Ok("https://other/x")),
        ("HTTPS://Shop.Example.com:443/x", Ok("https://shop.example.com/x")),
        ("http://shop.example.com/x", Ok("http://shop.example.com/x")),
        ("a/b:c", Ok("https://shop.example.com/api/products/a/b:c")),
        ("mailto:a@b", Err(TargetError::Form)),
        ("https://a@b/", Err(TargetError::Host)),
        ("/a b", Err(TargetError::Form)),
    ] {
        let joined = base().join(reference);
        assert_eq!(joined.as_ref().map(Target::url).map_err(|error| *error), expected, "{reference}");
    }
    assert!(base().is_same_authority(&base().join("/x").unwrap()));
    assert!(base().is_same_authority(&base().join("http://shop.example.com/api").unwrap()));
    assert!(!base().is_same_authority(&base().join("https://shop.example.com:8443/api").unwrap()));
}

proptest! {
    #[test]
    fn settling_is_idempotent_and_its_path_never_contains_dot_segments(
        path in "(/(\\.|\\.\\.|%2e|%2E%2e|%25|%|[a-f0-9%.;\\\\]{0,6})){0,6}",
        query in proptest::option::of("[a-z=&%./?]{0,12}"),
    ) {
        let uri = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        if let Ok(uri) = uri.parse::<Uri>() {
            let once = Target::settle(&uri, &hosts(&["Shop:80"]), &Scheme::HTTP).unwrap();
            prop_assert!(once.path().split('/').all(|segment| segment != "." && segment != ".."));
            let twice = Target::parse_absolute(once.url()).unwrap();
            prop_assert_eq!(twice.url(), once.url());
            prop_assert_eq!(twice.path_start(), once.path_start());
            prop_assert_eq!(twice.query(), once.query());
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*", host in "[ -~]*") {
        let _ = Target::parse_absolute(&text);
        let _ = base().join(&text);
        let _ = Target::settle(&Uri::from_static("/a"), &hosts(&[&host]), &Scheme::HTTPS);
    }
}
