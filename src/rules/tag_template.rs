//! Tag templates: `product:{id}` filled from the path's captures.

use super::literal::percent_decode;
use super::pattern::is_capture_name;
use crate::scope::{Tag, TagError};
use crate::semantics::origin_tags::tag_text;

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

    /// The text with each capture's value in its place as it is; none where a value is missing.
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
                    text.push_str(&tag_text(&percent_decode(value(name).unwrap_or_default())));
                }
            }
        }
        Tag::new(&text)
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
}
