//! Cache-Control, RFC 9111 section 5.2.

use super::*;
use http::HeaderValue;
use proptest::prelude::*;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).expect("a field value"));
    }
    headers
}

fn response(value: &str) -> ResponseDirectives {
    ResponseDirectives::parse(&headers(&[("cache-control", value)]))
}

fn request(value: &str) -> RequestDirectives {
    RequestDirectives::parse(&headers(&[("cache-control", value)]))
}

fn fields(names: &[&'static str]) -> Qualified {
    Qualified::Fields(names.iter().map(|name| HeaderName::from_static(name)).collect())
}

#[test]
fn every_response_directive_is_read_in_any_letter_case() {
    let expected = ResponseDirectives {
        no_store: true,
        no_cache: Qualified::Whole,
        private: Qualified::Whole,
        public: true,
        max_age: Some(secs(1)),
        s_maxage: Some(secs(2)),
        must_revalidate: true,
        proxy_revalidate: true,
        must_understand: true,
        no_transform: true,
        stale_while_revalidate: Some(secs(3)),
        stale_if_error: Some(secs(4)),
    };
    let all = "no-store, no-cache, private, public, max-age=1, s-maxage=2, must-revalidate, proxy-revalidate, \
               must-understand, no-transform, stale-while-revalidate=3, stale-if-error=4";
    assert_eq!(response(all), expected);
    assert_eq!(response(&all.to_ascii_uppercase()), expected);
    let lines: Vec<_> = all.split(',').map(|line| ("cache-control", line)).collect();
    assert_eq!(ResponseDirectives::parse(&headers(&lines)), expected);
    assert_eq!(response(""), ResponseDirectives::default());
    assert_eq!(response("immutable, foo=bar, x-no-store"), ResponseDirectives::default());
}

#[test]
fn max_age_of_a_response_is_valid_or_zero() {
    let rows: &[(&str, Option<u64>)] = &[
        ("public", None),
        ("max-age=3600", Some(3600)),
        ("max-age=\"3600\"", Some(3600)),
        ("max-age=003600", Some(3600)),
        ("foobar, MaX-aGe=3600", Some(3600)),
        // Section 1.2.2: overflow.
        ("max-age=2147483647", Some(2_147_483_647)),
        ("max-age=2147483648", Some(2_147_483_648)),
        ("max-age=2147483649", Some(2_147_483_648)),
        ("max-age=99999999999999999999999", Some(2_147_483_648)),
        // Section 4.2.1: invalid freshness information means stale.
        ("max-age", Some(0)),
        ("max-age=", Some(0)),
        ("max-age=\"\"", Some(0)),
        ("max-age=-3600", Some(0)),
        ("max-age=+3600", Some(0)),
        ("max-age='3600'", Some(0)),
        ("max-age=3600.0", Some(0)),
        ("max-age=a3600", Some(0)),
        ("max-age=3600a", Some(0)),
        ("max-age=3600;x", Some(0)),
        ("max-age =3600", Some(0)),
        ("max-age= 3600", Some(0)),
        // Section 4.2.1: the first of several.
        ("max-age=1, max-age=1800", Some(1)),
        ("max-age=1800, max-age=1", Some(1800)),
        ("max-age=x, max-age=1800", Some(0)),
        // Nothing inside a quoted string is a directive.
        ("extension=\"max-age=3600\", max-age=1", Some(1)),
        ("max-age=1, extension=\"max-age=3600\"", Some(1)),
        ("extension=\"a\\\", max-age=3600\"", None),
    ];
    for (line, expected) in rows {
        assert_eq!(response(line).max_age, expected.map(secs), "{line}");
        let shared = line.to_ascii_lowercase().replace("max-age", "s-maxage");
        assert_eq!(response(&shared).s_maxage, expected.map(secs), "{shared}");
    }
}

#[test]
fn no_cache_and_private_may_name_fields() {
    let rows: &[(&str, Qualified)] = &[
        ("public", Qualified::Absent),
        ("private", Qualified::Whole),
        ("private=\"Set-Cookie\"", fields(&["set-cookie"])),
        ("private=\"b, a ,a\"", fields(&["a", "b"])),
        ("private=set-cookie", fields(&["set-cookie"])),
        ("private=\"a\", private=\"b\"", fields(&["a", "b"])),
        // What is no list of fields covers everything.
        ("private=\"a\", private", Qualified::Whole),
        ("private=\"\"", Qualified::Whole),
        ("private=\" , \"", Qualified::Whole),
        ("private=\"a:b\"", Qualified::Whole),
        ("private =\"a\"", Qualified::Whole),
        ("private=\"a", Qualified::Whole),
        ("private max-age=5", Qualified::Whole),
        // Without these fields what is stored would say something else.
        ("private=\"x, content-type\"", Qualified::Whole),
        ("private=vary", Qualified::Whole),
    ];
    for (line, expected) in rows {
        assert_eq!(response(line).private, *expected, "{line}");
        let no_cache = line.replace("private", "no-cache");
        assert_eq!(response(&no_cache).no_cache, *expected, "{no_cache}");
    }
    let many: Vec<_> = (0..=FIELDS_MAX).map(|number| format!("x{number}")).collect();
    assert_eq!(response(&format!("private=\"{}\"", many.join(","))).private, Qualified::Whole);
}

#[test]
fn a_malformed_directive_counts_only_where_it_forbids() {
    let broken = "no-store;, private;, no-cache;, must-revalidate;, proxy-revalidate;, no-transform;, public;, \
                  must-understand;, stale-while-revalidate=5;, stale-if-error=5;";
    let expected = ResponseDirectives {
        no_store: true,
        private: Qualified::Whole,
        no_cache: Qualified::Whole,
        must_revalidate: true,
        proxy_revalidate: true,
        no_transform: true,
        ..ResponseDirectives::default()
    };
    assert_eq!(response(broken), expected);
}

#[test]
fn every_request_directive_is_read_in_any_letter_case() {
    let expected = RequestDirectives {
        no_cache: true,
        pragma_no_cache: false,
        no_store: true,
        no_transform: true,
        only_if_cached: true,
        max_age: Some(secs(1)),
        min_fresh: Some(secs(2)),
        max_stale: Some(MaxStale::UpTo(secs(3))),
        stale_if_error: Some(secs(4)),
    };
    let all = "no-cache, no-store, no-transform, only-if-cached, max-age=1, min-fresh=2, max-stale=3, stale-if-error=4";
    assert_eq!(request(all), expected);
    assert_eq!(request(&all.to_ascii_uppercase()), expected);
    assert_eq!(request("max-age=\"1\"").max_age, Some(secs(1)));
}

#[test]
fn repeated_request_directives_count_in_their_most_demanding_form() {
    assert_eq!(request("max-age=5, max-age=3, max-age=9").max_age, Some(secs(3)));
    assert_eq!(request("min-fresh=5, min-fresh=9, min-fresh=3").min_fresh, Some(secs(9)));
    let rows = [
        ("max-stale", Some(MaxStale::Any)),
        ("max-stale=5", Some(MaxStale::UpTo(secs(5)))),
        ("max-stale=5, max-stale=3", Some(MaxStale::UpTo(secs(3)))),
        ("max-stale, max-stale=3", Some(MaxStale::UpTo(secs(3)))),
        ("max-stale=3, max-stale", Some(MaxStale::UpTo(secs(3)))),
        ("max-stale, max-stale=x", Some(MaxStale::Any)),
        ("max-stale=x", None),
        ("max-stale=", None),
        ("max-stale=-1", None),
    ];
    for (line, expected) in rows {
        assert_eq!(request(line).max_stale, expected, "{line}");
    }
    assert_eq!(request("max-age=x, min-fresh=-1, stale-if-error=1.5"), RequestDirectives::default());
}

#[test]
fn pragma_counts_only_without_cache_control() {
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[("pragma", "no-cache")], true),
        (&[("pragma", "x, No-Cache")], true),
        (&[("pragma", "unrecognised-extension")], false),
        (&[("pragma", "no-cache"), ("cache-control", "max-age=5")], false),
        (&[("pragma", "no-cache"), ("cache-control", "")], false),
        (&[], false),
    ];
    for (lines, expected) in rows {
        assert_eq!(RequestDirectives::parse(&headers(lines)).pragma_no_cache, *expected, "{lines:?}");
    }
    assert_eq!(ResponseDirectives::parse(&headers(&[("pragma", "no-cache")])), ResponseDirectives::default());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
        let mut headers = HeaderMap::new();
        for line in lines {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                headers.append(header::CACHE_CONTROL, value);
            }
        }
        let _ = ResponseDirectives::parse(&headers);
        let _ = RequestDirectives::parse(&headers);
    }

    #[test]
    fn no_store_is_seen_among_any_other_directives(before in "[a-z=0-9 ;,-]{0,40}", after in "[ -~]{0,40}") {
        let line = format!("{before}, no-store, {after}");
        prop_assert!(response(&line).no_store);
        prop_assert!(request(&line).no_store);
    }
}
