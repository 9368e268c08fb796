//! Entity tags: RFC 9110 section 8.8.3, and how a tag marks the coding that Larder applied (section 8.8.3.3).
//!
//! Larder may send coded what the origin sent uncoded. Each coded representation is another one, so its strong tag is
//! another: `"abc"` becomes `"abc+gzip"`, `"abc+br"` or `"abc+zstd"`. A weak tag claims no more than equivalence, which
//! holds across codings, so it stays. A tag that comes back from a client is understood in each form.

use super::content_coding::Coding;
use http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

/// What stands at the end of a strong tag, within the quotes, for a representation that Larder coded.
const fn mark_of(coding: Coding) -> &'static [u8] {
    match coding {
        Coding::Gzip => b"+gzip",
        Coding::Br => b"+br",
        Coding::Zstd => b"+zstd",
    }
}

/// An entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it is a weak validator.
    pub strength: Strength,
    /// The opaque tag with its quotes.
    pub opaque: Box<[u8]>,
}

/// Strong or weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Byte-for-byte.
    Strong,
    /// Equivalent.
    Weak,
}

impl EntityTag {
    /// The valid `ETag` of a response, if any. Two different ones are none: nobody can say which holds.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(ETAG).iter();
        let first = lines.next()?;
        if lines.any(|line| line != first) {
            return None;
        }
        Self::parse(first.as_bytes())
    }

    /// Reads one entity tag: `[W/] DQUOTE *etagc DQUOTE`, with white space around it but nothing else.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (tag, rest) = split_tag(text.trim_ascii())?;
        rest.is_empty().then_some(tag)
    }

    /// Strong comparison (RFC 9110 section 8.8.3.2): both strong, same opaque tag.
    #[must_use]
    pub fn matches_strongly(&self, other: &Self) -> bool {
        self.strength == Strength::Strong && self == other
    }

    /// Weak comparison (RFC 9110 section 8.8.3.2): same opaque tag.
    #[must_use]
    pub fn matches_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }

    /// The tag of the same representation after Larder coded it.
    #[must_use]
    pub fn coded(&self, coding: Coding) -> Self {
        let Some(inner) = self.inner().filter(|_| self.strength == Strength::Strong) else { return self.clone() };
        Self { strength: self.strength, opaque: [b"\"", inner, mark_of(coding), b"\""].concat().into() }
    }

    /// The tag that the origin knows, where this one carries the mark of a coding that Larder applied.
    #[must_use]
    pub fn without_coding(&self) -> Option<Self> {
        let inner = self.inner().filter(|_| self.strength == Strength::Strong)?;
        let original = Coding::ALL.into_iter().find_map(|coding| inner.strip_suffix(mark_of(coding)))?;
        Some(Self { strength: self.strength, opaque: [b"\"", original, b"\""].concat().into() })
    }

    /// The tag as it stands in a field.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let prefix: &[u8] = if self.strength == Strength::Weak { b"W/" } else { b"" };
        HeaderValue::from_bytes(&[prefix, &self.opaque].concat())
            .unwrap_or_else(|_| HeaderValue::from_static("\"invalid\""))
    }

    /// The opaque tag without its quotes.
    fn inner(&self) -> Option<&[u8]> {
        self.opaque.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
}

/// What If-Match or If-None-Match lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagList {
    /// `*`: any representation that there is.
    Any,
    /// These; those that are not valid are left out, so that they match nothing.
    Tags(Vec<EntityTag>),
}

impl TagList {
    /// Reads all lines of a field (RFC 9110 section 13.1.1 and 13.1.2); `None` if there is no line.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).iter().peekable();
        lines.peek()?;
        let mut tags = Vec::new();
        let mut is_any = false;
        for line in lines {
            is_any |= line.as_bytes().trim_ascii() == b"*";
            append_tags(line.as_bytes(), &mut tags);
        }
        Some(if is_any { Self::Any } else { Self::Tags(tags) })
    }

    /// Whether the list has a tag that is strongly the same, or is `*`.
    pub(crate) fn has_strongly(&self, tag: Option<&EntityTag>) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tag.is_some_and(|tag| tags.iter().any(|listed| listed.matches_strongly(tag))),
        }
    }

    /// Whether the list has a tag that is weakly the same, or is `*`.
    pub(crate) fn has_weakly(&self, tag: Option<&EntityTag>) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tag.is_some_and(|tag| tags.iter().any(|listed| listed.matches_weakly(tag))),
        }
    }
}

/// Makes If-Match and If-None-Match of a request that is forwarded name the origin's own tags: one that carries the mark
/// of a coding stands for the tag without it. A list that holds such a tag becomes one line, since there are origins that
/// read only the first.
pub(crate) fn name_tags_without_coding(request: &mut HeaderMap) {
    for name in [IF_MATCH, IF_NONE_MATCH] {
        let Some(TagList::Tags(tags)) = TagList::of(request, &name) else { continue };
        if tags.iter().all(|tag| tag.without_coding().is_none()) {
            continue;
        }
        let mut named: Vec<EntityTag> = Vec::with_capacity(tags.len());
        for tag in tags {
            let original = tag.without_coding().unwrap_or(tag);
            if !named.contains(&original) {
                named.push(original);
            }
        }
        let values: Vec<_> = named.iter().map(EntityTag::to_header_value).collect();
        let line = values.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
        if let Ok(line) = HeaderValue::from_bytes(&line) {
            request.insert(name, line);
        }
    }
}

/// Reads the tags of one line; a member that is none is passed over up to the next comma.
fn append_tags(line: &[u8], tags: &mut Vec<EntityTag>) {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        match split_tag(rest) {
            Some((tag, after)) if matches!(after.trim_ascii_start().first(), None | Some(b',')) => {
                tags.push(tag);
                rest = after;
            }
            _ => {}
        }
        let Some(comma) = rest.iter().position(|byte| *byte == b',') else { return };
        rest = rest.get(comma + 1..).unwrap_or_default();
    }
}

/// Reads the tag that `text` begins with, and what follows it.
fn split_tag(text: &[u8]) -> Option<(EntityTag, &[u8])> {
    // `W/` is case-sensitive.
    let (strength, quoted) = match text.strip_prefix(b"W/") {
        Some(rest) => (Strength::Weak, rest),
        None => (Strength::Strong, text),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    // etagc = %x21 / %x23-7E / obs-text: everything visible but the quote, so the first other byte must be the quote.
    let is_etagc = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7E | 0x80..=0xFF);
    let end = inner.iter().position(|byte| !is_etagc(byte))?;
    let rest = inner.get(end..)?.strip_prefix(b"\"")?;
    let opaque = quoted.get(..end + 2)?;
    Some((EntityTag { strength, opaque: opaque.into() }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(text: &str) -> EntityTag {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    fn lines(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn rfc_9110_8_8_3_only_quoted_tags_are_valid() {
        for text in ["\"abc\"", "W/\"abc\"", "\"\"", "\"a,b\"", "\"a'!#~\"", " \"abc\" ", "\"\u{fc}\""] {
            assert!(EntityTag::parse(text.as_bytes()).is_some(), "{text}");
        }
        for text in
            ["", "abc", "w/\"abc\"", "W\"abc\"", "W/abc", "\"abc", "\"a b\"", "\"a\"b", "\"a\"\"", "*", "W/ \"a\""]
        {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn two_different_etag_lines_are_no_validator() {
        assert_eq!(EntityTag::of(&lines(&ETAG, &["\"a\"", "\"a\""])), Some(tag("\"a\"")));
        assert_eq!(EntityTag::of(&lines(&ETAG, &["\"a\"", "\"b\""])), None);
        assert_eq!(EntityTag::of(&HeaderMap::new()), None);
    }

    #[test]
    fn rfc_9110_8_8_3_2_comparison() {
        for (one, other, strongly, weakly) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            assert_eq!(tag(one).matches_strongly(&tag(other)), strongly, "{one} {other}");
            assert_eq!(tag(other).matches_strongly(&tag(one)), strongly, "{other} {one}");
            assert_eq!(tag(one).matches_weakly(&tag(other)), weakly, "{one} {other}");
        }
    }

    #[test]
    fn rfc_9110_13_1_lists_span_lines_and_survive_nonsense() {
        for (field, expected) in [
            (&["\"a\""][..], &["\"a\""][..]),
            (&["\"a\", \"b\" ,\"c\""], &["\"a\"", "\"b\"", "\"c\""]),
            (&["\"a\"", "W/\"b\""], &["\"a\"", "W/\"b\""]),
            (&["\"a,b\", \"c\""], &["\"a,b\"", "\"c\""]),
            (&[",, \"a\",,"], &["\"a\""]),
            (&["a, \"b\""], &["\"b\""]),
            (&["\"a\" \"b\", \"c\""], &["\"c\""]),
            (&["\"a"], &[]),
            (&[""], &[]),
            (&["*, \"a\""], &["\"a\""]),
        ] {
            let list = TagList::of(&lines(&IF_NONE_MATCH, field), &IF_NONE_MATCH);
            let expected = expected.iter().map(|text| tag(text)).collect();
            assert_eq!(list, Some(TagList::Tags(expected)), "{field:?}");
        }
        assert_eq!(TagList::of(&lines(&IF_MATCH, &[" * "]), &IF_MATCH), Some(TagList::Any));
        assert_eq!(TagList::of(&HeaderMap::new(), &IF_MATCH), None);
    }

    #[test]
    fn rfc_9110_8_8_3_3_a_coded_representation_has_another_strong_tag() {
        for (coding, coded) in
            [(Coding::Gzip, "\"abc+gzip\""), (Coding::Br, "\"abc+br\""), (Coding::Zstd, "\"abc+zstd\"")]
        {
            assert_eq!(tag("\"abc\"").coded(coding), tag(coded));
            assert_eq!(tag("W/\"abc\"").coded(coding), tag("W/\"abc\""));
            assert_eq!(tag(coded).without_coding(), Some(tag("\"abc\"")));
        }
        for text in ["\"abc\"", "W/\"abc+gzip\"", "\"gzip\"", "\"+gzipx\"", "\"br\"", "\"a+deflate\""] {
            assert_eq!(tag(text).without_coding(), None, "{text}");
        }
    }

    #[test]
    fn a_forwarded_request_names_the_tag_that_the_origin_knows() {
        let mut request = lines(&IF_MATCH, &["\"a+gzip\", \"b\", \"a+zstd\""]);
        request.extend(lines(&IF_NONE_MATCH, &["\"c+gzip\", \"c\"", "\"c+br\""]));
        name_tags_without_coding(&mut request);
        let values = |name| request.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(values(IF_MATCH), ["\"a\", \"b\""]);
        assert_eq!(values(IF_NONE_MATCH), ["\"c\""]);
        for untouched in [&["\"a\"", "\"b\""][..], &["*"], &["W/\"a+gzip\""], &["nonsense"]] {
            let mut request = lines(&IF_MATCH, untouched);
            name_tags_without_coding(&mut request);
            assert_eq!(request, lines(&IF_MATCH, untouched));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_a_tag_is_written_as_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut tags = Vec::new();
            append_tags(&bytes, &mut tags);
            for tag in tags.into_iter().chain(EntityTag::parse(&bytes)) {
                prop_assert_eq!(EntityTag::parse(tag.to_header_value().as_bytes()), Some(tag.clone()));
                for coding in Coding::ALL {
                    prop_assert!(!tag.matches_strongly(&tag.coded(coding)));
                }
            }
            if let Ok(line) = HeaderValue::from_bytes(&bytes) {
                name_tags_without_coding(&mut HeaderMap::from_iter([(IF_MATCH, line)]));
            }
        }
    }
}
