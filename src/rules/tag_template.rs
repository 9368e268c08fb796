//! Tag templates: `product:{id}` filled from the path's captures.

use super::pattern::is_capture_name;
use crate::scope::{Tag, TagError};
use crate::semantics::origin_tags::tag_text;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A tag with places for captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    source: String,
    pieces: Vec<TagPiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TagPiece {
    Text(String),
    Capture(String),
}

/// Why a text is no tag template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagTemplateError {
    /// A brace is not closed or not opened.
    #[error("a brace is not closed or not opened in `{0}`")]
    Brace(String),
    /// What stands between braces is no capture's name.
    #[error("`{{{0}}}` names no capture")]
    CaptureName(String),
    /// The text around the captures can be part of no tag.
    #[error(transparent)]
    Tag(#[from] TagError),
}

impl TagTemplate {
    /// Parses a template. Whether its captures exist is checked against the route's path elsewhere.
    ///
    /// # Errors
    /// Where braces don't pair, or no value could make it a valid tag.
    pub fn parse(source: &str) -> Result<Self, TagTemplateError> {
        let mut pieces = Vec::new();
        let mut left = source;
        while let Some(at) = left.find(['{', '}']) {
            let (text, special) = left.split_at(at);
            push_text(&mut pieces, text)?;
            let inner = special.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (name, rest) = inner.ok_or_else(|| TagTemplateError::Brace(source.to_owned()))?;
            if !is_capture_name(name) {
                return Err(TagTemplateError::CaptureName(name.to_owned()));
            }
            pieces.push(TagPiece::Capture(name.to_owned()));
            left = rest;
        }
        push_text(&mut pieces, left)?;
        if pieces.is_empty() {
            return Err(TagError::Empty.into());
        }
        Ok(Self { source: source.to_owned(), pieces })
    }

    /// The template as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The captures that it needs.
    pub fn capture_names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            TagPiece::Capture(name) => Some(name.as_str()),
            TagPiece::Text(_) => None,
        })
    }

    /// Whether it names no capture.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.capture_names().next().is_none()
    }

    /// Whether some text can be made of this template and of `other`.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.is_literal() {
            return other.makes(&self.source);
        }
        if other.is_literal() {
            return self.makes(&other.source);
        }
        // A capture of each takes whatever the other has between its own first and last one.
        let ((begin, end), (other_begin, other_end)) = (self.ends(), other.ends());
        (begin.starts_with(other_begin) || other_begin.starts_with(begin))
            && (end.ends_with(other_end) || other_end.ends_with(end))
    }

    /// Whether it can make a text that begins so.
    #[must_use]
    pub fn can_begin_with(&self, prefix: &str) -> bool {
        let (begin, _) = self.ends();
        begin.starts_with(prefix) || (!self.is_literal() && prefix.starts_with(begin))
    }

    /// Whether captures can make it this text.
    #[must_use]
    pub fn makes(&self, text: &str) -> bool {
        let (begin, end) = self.ends();
        if self.is_literal() {
            return begin == text;
        }
        let inner = text.strip_prefix(begin).and_then(|text| text.strip_suffix(end));
        let texts = self.pieces.iter().filter_map(|piece| match piece {
            TagPiece::Text(text) => Some(text.as_str()),
            TagPiece::Capture(_) => None,
        });
        let skipped = usize::from(!begin.is_empty());
        let between = texts.clone().count().saturating_sub(skipped + usize::from(!end.is_empty()));
        let mut left = inner;
        for text in texts.skip(skipped).take(between) {
            left = left.and_then(|left| left.find(text).and_then(|at| left.get(at + text.len()..)));
        }
        left.is_some()
    }

    /// What stands before the first capture and after the last one; all of it, and nothing, where there is none.
    fn ends(&self) -> (&str, &str) {
        let last = if self.pieces.len() > 1 { self.pieces.last() } else { None };
        (literal(self.pieces.first()), literal(last))
    }

    /// The text with each capture's value in its place as it is; `None` if a value is missing.
    pub(super) fn text<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let piece = |piece: &'_ TagPiece| match piece {
            TagPiece::Text(literal) => Some(literal.clone()),
            TagPiece::Capture(name) => value(name).map(str::to_owned),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The tag with each capture's percent-decoded value in its place, read as the tags of an origin's fields are.
    ///
    /// # Errors
    /// Where the whole is no tag.
    pub(super) fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<Tag, TagError> {
        let mut text = String::with_capacity(self.source.len());
        for piece in &self.pieces {
            match piece {
                TagPiece::Text(literal) => text.push_str(literal),
                TagPiece::Capture(name) => {
                    let value = Cow::from(percent_decode_str(value(name).unwrap_or_default()));
                    text.push_str(&tag_text(&value));
                }
            }
        }
        Tag::new(&text)
    }
}

fn literal(piece: Option<&TagPiece>) -> &str {
    match piece {
        Some(TagPiece::Text(text)) => text,
        Some(TagPiece::Capture(_)) | None => "",
    }
}

fn push_text(pieces: &mut Vec<TagPiece>, text: &str) -> Result<(), TagTemplateError> {
    if !text.is_empty() {
        pieces.push(TagPiece::Text(Tag::new(text)?.as_str().to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::TAG_BYTES_MAX;

    fn filled(template: &str, captures: &[(&str, &'static str)]) -> Option<String> {
        let value = |name: &str| captures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        TagTemplate::parse(template).unwrap().fill(value).ok().map(|tag| tag.as_str().to_owned())
    }

    #[test]
    fn captures_are_decoded_and_put_in_place() {
        assert_eq!(filled("catalog", &[]).as_deref(), Some("catalog"));
        assert_eq!(filled("product:{id}", &[("id", "42")]).as_deref(), Some("product:42"));
        for cafe in ["caf%C3%A9", "caf%E9"] {
            assert_eq!(filled("{a}/{b}!", &[("a", "x"), ("b", cafe)]).as_deref(), Some("x/caf\u{e9}!"), "{cafe}");
        }
        assert_eq!(filled("a {b}", &[("b", "red%20shoes")]).as_deref(), Some("a red shoes"));
    }

    #[test]
    fn a_capture_that_makes_no_valid_tag_yields_none() {
        for value in ["%0A", "a%00", "%7F"] {
            assert_eq!(filled("product:{id}", &[("id", value)]), None, "{value}");
        }
        assert_eq!(filled("{id}", &[("id", "")]), None);
        assert_eq!(filled("{id}", &[("other", "1")]), None);
        let long: &'static str = Box::leak("x".repeat(TAG_BYTES_MAX + 1).into_boxed_str());
        assert_eq!(filled("{id}", &[("id", long)]), None);
    }

    #[test]
    fn what_is_no_template_is_refused_with_its_reason() {
        for (text, expected) in [
            ("", TagTemplateError::Tag(TagError::Empty)),
            ("a\nb", TagTemplateError::Tag(TagError::Character)),
            ("a{b", TagTemplateError::Brace("a{b".into())),
            ("a}b", TagTemplateError::Brace("a}b".into())),
            ("a{}", TagTemplateError::CaptureName(String::new())),
            ("a{b...}", TagTemplateError::CaptureName("b...".into())),
        ] {
            assert_eq!(TagTemplate::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn templates_overlap_where_one_text_can_be_made_of_both() {
        let overlap = |one: &str, other: &str| {
            let (one, other) = (TagTemplate::parse(one).unwrap(), TagTemplate::parse(other).unwrap());
            assert_eq!(one.overlaps(&other), other.overlaps(&one));
            one.overlaps(&other)
        };
        for (one, other) in [
            ("catalog", "catalog"),
            ("product:{id}", "product:{slug}"),
            ("product:{id}", "product:42"),
            ("{kind}:{id}", "product:{id}"),
            ("{kind}", "catalog"),
            ("a{x}b{y}c", "aabbcc"),
            ("a{x}b{y}c", "ab{z}"),
            ("product:{id}:{lang}", "product:{id}"),
        ] {
            assert!(overlap(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("catalog", "catalogue"),
            ("product:{id}", "products:{id}"),
            ("product:{id}", "prodct:42"),
            ("{id}:price", "{id}:stock"),
            ("a{x}b{y}c", "acc"),
            ("ab{x}bc", "abc"),
        ] {
            assert!(!overlap(one, other), "{one} {other}");
        }
    }
}
