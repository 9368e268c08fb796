//! The fields by which origins tag their answers for purging: Surrogate-Key and xkey (parted by white space), Cache-Tag
//! (parted by commas), and Cache-Groups (a structured list of strings, RFC 9875 section 2).
//!
//! Caches differ in what parts the tags of a field. So a token with commas, or with white space in Cache-Tag, is a tag as
//! it stands and in its parts: a purge finds it by whichever reading its origin has in mind.

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, InnerList, Item, List, ListEntry, Parser};
use std::borrow::Cow;

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const XKEY: HeaderName = HeaderName::from_static("xkey");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// The fields in which tags are looked for where nothing else is said.
pub(crate) const TAG_FIELDS: [HeaderName; 4] = [SURROGATE_KEY, XKEY, CACHE_TAG, CACHE_GROUPS];

/// A field of tags that is not what it should be: which tags it means is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Cache-Groups is no list of strings")]
pub(crate) struct UnreadableTags;

/// How a field was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As its RFC says.
    Strict,
    /// It is not what its RFC says: these are all the names that it may mean.
    Guessed,
}

/// The groups that an answer invalidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidatedGroups {
    /// Their names.
    pub groups: Vec<String>,
    /// Whether they are certain.
    pub reading: Reading,
}

/// The texts of all tags of a response in these fields, in order. A field that is not known here is read as Cache-Tag is.
///
/// # Errors
/// Where Cache-Groups is no list of strings. RFC 9651 section 4.2 has such a field ignored; but an answer must not be
/// stored if it is not known by what it is to be purged.
pub(crate) fn origin_tags<'a>(
    headers: &'a HeaderMap,
    fields: &[HeaderName],
) -> Result<Vec<Cow<'a, str>>, UnreadableTags> {
    let mut tags = Vec::new();
    for name in fields {
        let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        if *name == CACHE_GROUPS {
            let groups = strings(headers, name).ok_or(UnreadableTags)?;
            tags.extend(groups.into_iter().map(Cow::Owned));
        } else if [SURROGATE_KEY, XKEY].contains(name) {
            for token in lines.flat_map(|line| parted(line, is_white_space)) {
                file(&mut tags, token, |byte| byte == b',');
            }
        } else {
            for token in lines.flat_map(|line| parted(line, |byte| byte == b',')) {
                file(&mut tags, token, is_white_space);
            }
        }
    }
    Ok(tags)
}

/// The groups that the answer to a successful unsafe request invalidates: RFC 9875 section 3. Where the field is no list
/// of strings, everything that it may mean: to invalidate too much costs a fetch.
pub(crate) fn invalidated_groups(headers: &HeaderMap) -> InvalidatedGroups {
    match strings(headers, &CACHE_GROUP_INVALIDATION) {
        Some(groups) => InvalidatedGroups { groups, reading: Reading::Strict },
        None => InvalidatedGroups {
            groups: guessed(&joined(headers, &CACHE_GROUP_INVALIDATION)),
            reading: Reading::Guessed,
        },
    }
}

/// The text of a tag's bytes: UTF-8 or, where they are not, each byte as a character of Latin-1, so that a purge can name
/// whatever an origin sends.
pub(crate) fn tag_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The pieces between separators, without white space around them, that are not empty.
fn parted(bytes: &[u8], separates: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    bytes.split(move |byte| separates(*byte)).map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty())
}

/// A token as it stands and, where the other separator parts it, in its parts.
fn file<'a>(tags: &mut Vec<Cow<'a, str>>, token: &'a [u8], separates: impl Fn(u8) -> bool) {
    tags.push(tag_text(token));
    tags.extend(parted(token, separates).filter(|part| part.len() < token.len()).map(tag_text));
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    lines.join(&b", "[..])
}

/// The strings of a structured list; parameters are ignored. `None` if it is no list, or a member no string.
fn strings(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let list: List = Parser::new(&joined(headers, name)).parse().ok()?;
    let string = |entry: ListEntry| match entry {
        ListEntry::Item(Item { bare_item: BareItem::String(text), .. }) => Some(text.as_str().to_owned()),
        _ => None,
    };
    list.into_iter().map(string).collect()
}

/// All names that may be meant by a field that is no list of strings.
fn guessed(field: &[u8]) -> Vec<String> {
    let Ok(list) = Parser::new(field).parse::<List>() else {
        let bare = |piece: &[u8]| tag_text(piece).trim_matches(['"', '(', ')', ' ', '\t']).to_owned();
        let before_parameters = |piece: &[u8]| bare(piece.split(|byte| *byte == b';').next().unwrap_or_default());
        return parted(field, |byte| byte == b',').flat_map(|piece| [bare(piece), before_parameters(piece)]).collect();
    };
    let items = list.into_iter().flat_map(|entry| match entry {
        ListEntry::Item(item) => vec![item],
        ListEntry::InnerList(InnerList { items, .. }) => items,
    });
    items.map(|item| name_of(&item.bare_item)).collect()
}

fn name_of(item: &BareItem) -> String {
    match item {
        BareItem::String(text) => text.as_str().to_owned(),
        BareItem::Token(text) => text.as_str().to_owned(),
        BareItem::Integer(number) => number.to_string(),
        BareItem::Decimal(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(name: &'static str, line: &[u8]) -> Result<Vec<String>, UnreadableTags> {
        let value = HeaderValue::from_bytes(line).expect("a field value");
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
        origin_tags(&headers, &TAG_FIELDS).map(|tags| tags.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn each_field_is_parted_in_its_own_way_and_what_another_would_part_is_filed_both_ways() {
        for (name, line, expected) in [
            ("surrogate-key", "shoes  product-7 ", &["shoes", "product-7"][..]),
            ("surrogate-key", "a\tb", &["a", "b"]),
            ("surrogate-key", "a, b", &["a,", "a", "b"]),
            ("xkey", "a,b c", &["a,b", "a", "b", "c"]),
            ("surrogate-key", ",", &[","]),
            ("cache-tag", "red shoes, product-7,,", &["red shoes", "red", "shoes", "product-7"]),
            ("surrogate-key", "", &[]),
            ("x-other", "shoes", &[]),
            ("cache-groups", r#""shoes", "red, \"7\"";x=1"#, &["shoes", "red, \"7\""]),
            ("cache-groups", r#""shoes" "#, &["shoes"]),
            ("cache-groups", r#"" a ""#, &[" a "]),
            ("cache-groups", "", &[]),
        ] {
            assert_eq!(tags(name, line.as_bytes()).unwrap(), expected, "{name}: {line}");
        }
    }

    #[test]
    fn bytes_outside_ascii_are_read_as_utf_8_or_else_as_latin_1() {
        for name in ["surrogate-key", "xkey"] {
            assert_eq!(tags(name, "product-42 café".as_bytes()).unwrap(), ["product-42", "café"]);
            assert_eq!(tags(name, b"product-42 caf\xe9 \x80").unwrap(), ["product-42", "café", "\u{80}"]);
        }
        assert_eq!(tags("cache-tag", b"caf\xe9,a").unwrap(), ["café", "a"]);
    }

    #[test]
    fn groups_that_are_no_list_of_strings_cannot_be_told() {
        for line in [r#""shoes", token"#, "shoes product", "\"a", "(\"a\")", "\"\u{e9}\"", ",", "7"] {
            assert_eq!(tags("cache-groups", line.as_bytes()), Err(UnreadableTags), "{line}");
        }
    }

    #[test]
    fn the_number_of_tags_has_no_bound_but_that_of_the_head() {
        let mut headers = HeaderMap::new();
        for line in 0..100 {
            let keys: Vec<String> = (0..100).map(|key| format!("{line}-{key}")).collect();
            headers.append("xkey", keys.join(" ").parse().unwrap());
        }
        assert_eq!(origin_tags(&headers, &TAG_FIELDS).unwrap().len(), 10_000);
    }

    #[test]
    fn groups_are_invalidated_by_a_field_of_their_own() {
        let named = |name: &'static str, line| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(line))]);
            let InvalidatedGroups { groups, reading } = invalidated_groups(&headers);
            (groups.join("|"), reading)
        };
        let field = "cache-group-invalidation";
        assert_eq!(named(field, r#""red shoes", "red";x"#), ("red shoes|red".to_owned(), Reading::Strict));
        assert_eq!(named("cache-groups", r#""shoes""#), (String::new(), Reading::Strict));
        assert_eq!(named(field, "shoes, \"a\", 7"), ("shoes|a|7".to_owned(), Reading::Guessed));
        assert_eq!(named(field, "(\"a\" b)"), ("a|b".to_owned(), Reading::Guessed));
        assert_eq!(named(field, "red shoes;x, \"a"), ("red shoes;x|red shoes|a|a".to_owned(), Reading::Guessed));
    }
}
