//! Targeted cache control: RFC 9213 (CDN-Cache-Control), with the structured fields of RFC 9651.
//!
//! A valid, non-empty targeted field replaces Cache-Control and Expires whole; one that is no structured Dictionary is
//! as if absent. A directive whose value has another type than its own is as if absent (RFC 9213 section 2.1), and
//! parameters are ignored.

use super::age::DELTA_SECONDS_MAX;
use super::cache_control::{Qualified, ResponseDirectives};
use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use std::time::Duration;

/// The fields that target this cache, in order of preference: RFC 9213 section 2.2 and 3.1.
static TARGET_LIST: [HeaderName; 1] = [HeaderName::from_static("cdn-cache-control")];

/// The directives of the first valid, non-empty targeted field (RFC 9213 section 2.2). None: Cache-Control governs.
#[must_use]
pub fn targeted_directives(headers: &HeaderMap) -> Option<ResponseDirectives> {
    TARGET_LIST.iter().find_map(|field| dictionary_of(headers, field)).map(|dictionary| directives_of(&dictionary))
}

/// RFC 9651 section 4.2: all lines of the field are one value.
fn dictionary_of(headers: &HeaderMap, field: &HeaderName) -> Option<Dictionary> {
    let mut lines = headers.get_all(field).iter().map(http::HeaderValue::as_bytes);
    let mut value = lines.next()?.to_vec();
    for line in lines {
        value.extend_from_slice(b", ");
        value.extend_from_slice(line);
    }
    let dictionary = Parser::new(&value).parse::<Dictionary>().ok()?;
    (!dictionary.is_empty()).then_some(dictionary)
}

fn directives_of(dictionary: &Dictionary) -> ResponseDirectives {
    let item = |name: &str| match dictionary.get(name) {
        Some(ListEntry::Item(item)) => Some(&item.bare_item),
        _ => None,
    };
    let flag = |name: &str| matches!(item(name), Some(BareItem::Boolean(true)));
    let seconds = |name: &str| item(name).and_then(seconds_of);
    let qualified = |name: &str| item(name).map_or(Qualified::Absent, qualified_of);
    ResponseDirectives {
        no_store: flag("no-store"),
        no_cache: qualified("no-cache"),
        private: qualified("private"),
        public: flag("public"),
        max_age: seconds("max-age"),
        s_maxage: seconds("s-maxage"),
        must_revalidate: flag("must-revalidate"),
        proxy_revalidate: flag("proxy-revalidate"),
        must_understand: flag("must-understand"),
        no_transform: flag("no-transform"),
        stale_while_revalidate: seconds("stale-while-revalidate"),
        stale_if_error: seconds("stale-if-error"),
    }
}

/// A non-negative Integer.
fn seconds_of(item: &BareItem) -> Option<Duration> {
    let seconds = u64::try_from(i64::from(item.as_integer()?)).ok()?;
    Some(Duration::from_secs(seconds).min(DELTA_SECONDS_MAX))
}

/// No argument is the Boolean true, a quoted string is a String, a token is a Token.
fn qualified_of(item: &BareItem) -> Qualified {
    match item {
        BareItem::Boolean(true) => Qualified::Whole,
        BareItem::String(list) => Qualified::from_field_list(list.as_str().as_bytes()),
        BareItem::Token(name) => Qualified::from_field_list(name.as_str().as_bytes()),
        _ => Qualified::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> Option<ResponseDirectives> {
        let mut headers = HeaderMap::new();
        headers.append("cache-control", HeaderValue::from_static("no-store, max-age=7"));
        for line in lines {
            headers.append("CDN-Cache-Control", HeaderValue::from_str(line).expect("a field value"));
        }
        targeted_directives(&headers)
    }

    fn max_age(secs: u64) -> ResponseDirectives {
        ResponseDirectives { max_age: Some(Duration::from_secs(secs)), ..ResponseDirectives::default() }
    }

    #[test]
    fn section_2_2_a_valid_field_is_used_whole_and_an_invalid_one_not_at_all() {
        let none = ResponseDirectives::default;
        let rows: &[(&[&str], Option<ResponseDirectives>)] = &[
            (&["max-age=3600"], Some(max_age(3600))),
            (&["foobar, max-age=3600"], Some(max_age(3600))),
            (&["max-age=3600;x=1;y"], Some(max_age(3600))),
            (&["a", "max-age=3600"], Some(max_age(3600))),
            (&["max-age=5, max-age=3600"], Some(max_age(3600))),
            (&["max-age=2147483648"], Some(max_age(1 << 31))),
            (&["max-age=99999999999"], Some(max_age(1 << 31))),
            (&["foo"], Some(none())),
            // Not there or empty.
            (&[], None),
            (&[""], None),
            (&["  "], None),
            // No Dictionary.
            (&["max-age=10000, &&&&&"], None),
            (&["max-age=10000,"], None),
            (&["max-age =100"], None),
            (&["max-age= 100"], None),
            (&["MaX-aGe=3600"], None),
            (&["max-age=9999999999999999"], None),
            (&["max-age=10", "&"], None),
            // Section 2.1: a wrong type, and only that directive is ignored.
            (&["max-age=\"10000\""], Some(none())),
            (&["max-age=1.5"], Some(none())),
            (&["max-age=-1"], Some(none())),
            (&["max-age"], Some(none())),
            (&["max-age=(1)"], Some(none())),
            (&["max-age=10, s-maxage=abc, no-store=1, private=5, public=yes"], Some(max_age(10))),
            (&["max-age=10, no-store=?0, no-cache=?0"], Some(max_age(10))),
        ];
        for (lines, expected) in rows {
            assert_eq!(read(lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn section_2_1_every_directive_is_read_in_its_type() {
        let secs = Duration::from_secs;
        let all = "no-store, no-cache, private=\"set-cookie\", public=?1, max-age=1, s-maxage=2, must-revalidate, \
                   proxy-revalidate, must-understand, no-transform, stale-while-revalidate=3, stale-if-error=4";
        let expected = ResponseDirectives {
            no_store: true,
            no_cache: Qualified::Whole,
            private: Qualified::Fields(Box::new([http::header::SET_COOKIE])),
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
        assert_eq!(read(&[all]), Some(expected));
        let by_token = read(&["private=set-cookie"]).expect("a valid field");
        assert_eq!(by_token.private, Qualified::Fields(Box::new([http::header::SET_COOKIE])));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                let _ = targeted_directives(&HeaderMap::from_iter([(TARGET_LIST[0].clone(), value)]));
            }
        }

        #[test]
        fn near_dictionaries_are_read_without_panic(line in "[a-z]{1,9}(=(\\?1|[0-9.-]{1,17}|\"[a-z, ]*\"|:[A-Za-z=]*:|@[0-9]+|%\"[a-f%0-9]*\"))?") {
            read(&[&line]);
        }
    }
}
