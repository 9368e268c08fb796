//! The fields by which origins tag their answers for purging: Surrogate-Key and xkey (parted by spaces), Cache-Tag
//! (parted by commas), and Cache-Groups (a structured list of strings, RFC 9875 section 2).

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, ListEntry, Parser};
use std::borrow::Cow;

/// The most tags read from one answer: well above the 32 groups that RFC 9875 section 2 asks for.
pub const ORIGIN_TAGS_MAX: usize = 256;

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const XKEY: HeaderName = HeaderName::from_static("xkey");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// The texts of all tags of a response, in order, at most [`ORIGIN_TAGS_MAX`]. Lines that are no visible text, and
/// Cache-Groups that are no list of strings, are passed over.
pub fn origin_tags(headers: &HeaderMap) -> impl Iterator<Item = Cow<'_, str>> {
    let named = [(SURROGATE_KEY, ' '), (XKEY, ' '), (CACHE_TAG, ',')];
    let texts = named.into_iter().flat_map(|(name, separator)| {
        let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(move |line| line.split(separator)).map(str::trim).filter(|text| !text.is_empty())
    });
    texts.map(Cow::Borrowed).chain(groups(headers, &CACHE_GROUPS).into_iter().map(Cow::Owned)).take(ORIGIN_TAGS_MAX)
}

/// The groups that the answer to a successful unsafe request invalidates, at most [`ORIGIN_TAGS_MAX`]: RFC 9875
/// section 3.
#[must_use]
pub fn invalidated_groups(headers: &HeaderMap) -> Vec<String> {
    let mut groups = groups(headers, &CACHE_GROUP_INVALIDATION);
    groups.truncate(ORIGIN_TAGS_MAX);
    groups
}

/// The groups in a field of RFC 9875. A member that is no string voids the field; parameters are ignored.
fn groups(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let Ok(list) = Parser::new(&lines.join(&b", "[..])).parse::<sfv::List>() else { return Vec::new() };
    let group = |entry: ListEntry| match entry {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    };
    list.into_iter().map(group).collect::<Option<Vec<String>>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn each_field_is_parted_in_its_own_way() {
        for (name, line, expected) in [
            ("surrogate-key", "shoes  product-7 ", vec!["shoes", "product-7"]),
            ("xkey", "a b", vec!["a", "b"]),
            ("cache-tag", "red shoes, product-7,,", vec!["red shoes", "product-7"]),
            ("surrogate-key", "", vec![]),
            ("x-other", "shoes", vec![]),
            ("cache-groups", r#""shoes", "red, \"7\"";x=1"#, vec!["shoes", "red, \"7\""]),
            ("cache-groups", r#""shoes", token"#, vec![]),
            ("cache-groups", r#""shoes" "#, vec!["shoes"]),
            ("cache-groups", "shoes product", vec![]),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(name, HeaderValue::from_static(line));
            assert_eq!(origin_tags(&headers).collect::<Vec<_>>(), expected, "{name}: {line}");
        }
    }

    #[test]
    fn repeated_lines_add_up_to_a_bound() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 * ORIGIN_TAGS_MAX {
            headers.append("cache-tag", HeaderValue::from_static("a"));
        }
        assert_eq!(origin_tags(&headers).count(), ORIGIN_TAGS_MAX);
    }

    #[test]
    fn groups_are_invalidated_by_a_field_of_their_own() {
        let named = |name: &'static str, line| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(line))]);
            invalidated_groups(&headers)
        };
        assert_eq!(named("cache-group-invalidation", r#""shoes", "red";x"#), ["shoes", "red"]);
        assert!(named("cache-group-invalidation", "shoes").is_empty(), "a token is no string");
        assert!(named("cache-groups", r#""shoes""#).is_empty());
    }
}
