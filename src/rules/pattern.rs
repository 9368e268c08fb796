//! Path patterns: what an operator writes in `path`, parsed once.
//!
//! A pattern is a flat list of pieces. Literal text is settled as request paths are ([`crate::semantics::target`]), so
//! that the two compare byte by byte.

use super::literal::{self, LiteralError};
use std::fmt::Write as _;

/// One piece of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// This text, slashes included.
    Literal(String),
    /// `*`: anything within a segment, nothing included.
    Star,
    /// `{name}`: at least one character within a segment.
    Capture(String),
    /// `**/`: any number of whole segments, each with the slash behind it, none included.
    Segments,
    /// `**` or `{name...}` at the end: whatever is left, nothing included.
    Rest(Option<String>),
}

/// A path pattern: `{name}` one segment or a part of one, `{name...}` the rest, `*` within a segment, `**` any segments.
///
/// `/a/**` matches what lies below `/a/` (and `/a/` itself), not `/a`; `/a/**/b` matches `/a/b` as well.
#[derive(Debug, Clone)]
pub struct PathPattern {
    source: String,
    pieces: Vec<Piece>,
    captures: Option<regex::Regex>,
}

/// Why a text is no path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not begin with a slash.
    #[error("a path pattern begins with `/`")]
    NoSlash,
    /// Two slashes in a row.
    #[error("a path pattern cannot hold an empty segment (`//`)")]
    EmptySegment,
    /// `.` or `..` as a segment.
    #[error("a path pattern cannot hold the dot segment `{0}`")]
    DotSegment(String),
    /// `**` with something else in its segment.
    #[error("`**` stands for whole segments and cannot share one, as in `{0}`")]
    PartialSegments(String),
    /// `{` without `}`, or the other way about.
    #[error("a brace is not closed or not opened in `{0}`")]
    Brace(String),
    /// What stands between braces is no name.
    #[error("`{{{0}}}` is not a capture: a name has letters, digits and `_`, and does not begin with a digit")]
    CaptureName(String),
    /// The same name twice.
    #[error("the capture `{{{0}}}` appears twice")]
    CaptureTwice(String),
    /// `{name...}` before the end.
    #[error("`{{{0}...}}` takes the rest of the path, so it must be the whole last segment")]
    RestNotLast(String),
    /// Two pieces of unknown length side by side.
    #[error("captures and `*` side by side in `{0}`: where one ends is anybody's guess")]
    Adjacent(String),
    /// The literal text is no path.
    #[error(transparent)]
    Literal(#[from] LiteralError),
    /// The pattern is too large to compile.
    #[error("the pattern is too large")]
    TooLarge,
}

impl PatternError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoSlash => Some("write the whole path, e.g. `/api/products/{id}`; the host goes into `host`"),
            Self::PartialSegments(_) => Some("`*` matches within a segment; write `**` alone between two slashes"),
            Self::RestNotLast(_) => Some("use `{name}` for one segment, or `**` for several without a name"),
            Self::Adjacent(_) => Some("put some text between them, e.g. `{year}-{month}`"),
            Self::EmptySegment | Self::DotSegment(_) => {
                Some("requests are matched after dot segments are removed, and never cached with empty segments")
            }
            Self::Literal(error) => error.hint(),
            Self::Brace(_) | Self::CaptureName(_) | Self::CaptureTwice(_) | Self::TooLarge => None,
        }
    }
}

impl PathPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Where the text is no path pattern; see [`PatternError`].
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        let pieces = Parser::default().parse(source)?;
        let mut pattern = Self { source: source.to_owned(), pieces, captures: None };
        if pattern.capture_names().next().is_some() {
            let regex = format!(r"\A{}\z", pattern.regex(Captures::Named));
            pattern.captures = Some(regex::Regex::new(&regex).map_err(|_| PatternError::TooLarge)?);
        }
        Ok(pattern)
    }

    /// The pattern as the operator wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether every path that it matches begins with these whole segments, e.g. `/shop`.
    #[must_use]
    pub fn begins_with(&self, segments: &str) -> bool {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text
                .strip_prefix(segments)
                .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && self.pieces.len() == 1)),
            _ => false,
        }
    }

    /// The names of its captures, in order.
    pub fn capture_names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Capture(name) | Piece::Rest(Some(name)) => Some(name.as_str()),
            Piece::Literal(_) | Piece::Star | Piece::Segments | Piece::Rest(None) => None,
        })
    }

    /// What the captures take from a settled path; `None` if there are no captures or the path does not match.
    pub(super) fn captures<'p>(&self, path: &'p str) -> Option<regex::Captures<'p>> {
        self.captures.as_ref()?.captures(path)
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The pattern as a regular expression without anchors.
    pub(super) fn regex(&self, captures: Captures) -> String {
        let mut regex = String::with_capacity(self.source.len() * 2);
        for piece in &self.pieces {
            let (name, expression) = match piece {
                Piece::Literal(text) => (None, regex::escape(text)),
                Piece::Star => (None, "[^/]*".to_owned()),
                Piece::Capture(name) => (Some(name), "[^/]+".to_owned()),
                Piece::Segments => (None, "(?:.*/)?".to_owned()),
                Piece::Rest(name) => (name.as_ref(), ".*".to_owned()),
            };
            match (name, captures) {
                (Some(name), Captures::Named) => {
                    // Writing to a String cannot fail.
                    let _ = write!(regex, "(?P<{name}>{expression})");
                }
                _ => regex.push_str(&expression),
            }
        }
        regex
    }
}

/// Whether a regular expression marks what captures take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Captures {
    Named,
    Ignored,
}

/// Builds the pieces of one pattern.
#[derive(Default)]
struct Parser {
    pieces: Vec<Piece>,
    names: Vec<String>,
}

impl Parser {
    fn parse(mut self, source: &str) -> Result<Vec<Piece>, PatternError> {
        let segments = source.strip_prefix('/').ok_or(PatternError::NoSlash)?;
        self.literal("/")?;
        let mut segments = segments.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            match segment {
                "" if is_last => {}
                "" => return Err(PatternError::EmptySegment),
                "." | ".." => return Err(PatternError::DotSegment(segment.to_owned())),
                "**" if is_last => self.pieces.push(Piece::Rest(None)),
                // The piece holds the slash behind it.
                "**" => {
                    self.pieces.push(Piece::Segments);
                    continue;
                }
                _ => self.segment(segment, is_last)?,
            }
            if !is_last {
                self.literal("/")?;
            }
        }
        Ok(self.pieces)
    }

    fn segment(&mut self, segment: &str, is_last: bool) -> Result<(), PatternError> {
        if segment.contains("**") {
            return Err(PatternError::PartialSegments(segment.to_owned()));
        }
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix("...}")) {
            let name = self.name(name)?;
            if !is_last {
                return Err(PatternError::RestNotLast(name));
            }
            self.pieces.push(Piece::Rest(Some(name)));
            return Ok(());
        }
        let mut left = segment;
        while let Some(at) = left.find(['{', '}', '*']) {
            let (text, special) = left.split_at(at);
            if text.is_empty() && matches!(self.pieces.last(), Some(Piece::Star | Piece::Capture(_))) {
                return Err(PatternError::Adjacent(segment.to_owned()));
            }
            self.literal(text)?;
            if let Some(rest) = special.strip_prefix('*') {
                self.pieces.push(Piece::Star);
                left = rest;
                continue;
            }
            let inner = special.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (name, rest) = inner.ok_or_else(|| PatternError::Brace(segment.to_owned()))?;
            if let Some(name) = name.strip_suffix("...") {
                return Err(PatternError::RestNotLast(name.to_owned()));
            }
            let name = self.name(name)?;
            self.pieces.push(Piece::Capture(name));
            left = rest;
        }
        self.literal(left)
    }

    fn name(&mut self, name: &str) -> Result<String, PatternError> {
        if !is_capture_name(name) {
            return Err(PatternError::CaptureName(name.to_owned()));
        }
        if self.names.iter().any(|known| known == name) {
            return Err(PatternError::CaptureTwice(name.to_owned()));
        }
        self.names.push(name.to_owned());
        Ok(name.to_owned())
    }

    fn literal(&mut self, text: &str) -> Result<(), PatternError> {
        if text.is_empty() {
            return Ok(());
        }
        let settled = literal::settle(text)?;
        match self.pieces.last_mut() {
            Some(Piece::Literal(before)) => before.push_str(&settled),
            _ => self.pieces.push(Piece::Literal(settled)),
        }
        Ok(())
    }
}

/// Whether a text can name a capture: letters, digits and `_`, no digit first.
pub(super) fn is_capture_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts which of the paths a pattern matches.
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let parsed = PathPattern::parse(pattern).unwrap();
        let regex = regex::Regex::new(&format!(r"\A{}\z", parsed.regex(Captures::Ignored))).unwrap();
        for path in matching {
            assert!(regex.is_match(path), "{pattern} must match {path}");
        }
        for path in other {
            assert!(!regex.is_match(path), "{pattern} must not match {path}");
        }
    }

    #[test]
    fn patterns_match_as_documented() {
        check("/", &["/"], &["/a", ""]);
        check("/a/b", &["/a/b"], &["/a/b/", "/a", "/A/b", "/a/bc", "x/a/b"]);
        check("/p/{id}", &["/p/1", "/p/a%20b"], &["/p/", "/p", "/p/1/", "/p/1/2"]);
        check("/p/{id}.json", &["/p/1.json"], &["/p/.json", "/p/1xjson", "/p/1.json/"]);
        check("/p/{year}-{month}", &["/p/2026-01"], &["/p/2026", "/p/-01"]);
        check("/p/*.css", &["/p/.css", "/p/a.css"], &["/p/a/b.css", "/p/a.css2"]);
        check("/s/{path...}", &["/s/", "/s/a", "/s/a/b/"], &["/s", "/sx"]);
        check("/a/**", &["/a/", "/a/b", "/a/b/c"], &["/a", "/ab"]);
        check("/a/**/z", &["/a/z", "/a/b/z", "/a/b/c/z"], &["/a/bz", "/az", "/a/z/b"]);
        check("/**", &["/", "/a", "/a/b"], &[""]);
        check("/**/**/x", &["/x", "/a/x"], &["/ax"]);
        check("/caf\u{e9} /%c3%a9%41", &["/caf%C3%A9%20/%C3%A9A"], &["/caf\u{e9}"]);
        check("/a.b+c", &["/a.b+c"], &["/aXb+c", "/a.bbc"]);
    }

    #[test]
    fn captures_take_what_stands_in_their_place() {
        let pattern = PathPattern::parse("/c/{category}/{id}.{format}/{rest...}").unwrap();
        assert_eq!(pattern.capture_names().collect::<Vec<_>>(), ["category", "id", "format", "rest"]);
        let captures = pattern.captures("/c/tea/7.json/a/b").unwrap();
        let taken: Vec<_> = pattern.capture_names().map(|name| &captures[name]).collect();
        assert_eq!(taken, ["tea", "7", "json", "a/b"]);
        assert!(pattern.captures("/c/tea").is_none());
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        let cases = [
            ("a/b", PatternError::NoSlash),
            ("", PatternError::NoSlash),
            ("/a//b", PatternError::EmptySegment),
            ("/a/../b", PatternError::DotSegment("..".into())),
            ("/a/./b", PatternError::DotSegment(".".into())),
            ("/a**", PatternError::PartialSegments("a**".into())),
            ("/***", PatternError::PartialSegments("***".into())),
            ("/{id", PatternError::Brace("{id".into())),
            ("/id}", PatternError::Brace("id}".into())),
            ("/{}", PatternError::CaptureName(String::new())),
            ("/{1a}", PatternError::CaptureName("1a".into())),
            ("/{a-b}", PatternError::CaptureName("a-b".into())),
            ("/{a}/{a}", PatternError::CaptureTwice("a".into())),
            ("/{a...}/b", PatternError::RestNotLast("a".into())),
            ("/x{a...}", PatternError::RestNotLast("a".into())),
            ("/{a}{b}", PatternError::Adjacent("{a}{b}".into())),
            ("/{a}*", PatternError::Adjacent("{a}*".into())),
            ("/a?b=1", PatternError::Literal(LiteralError::Delimiter('?'))),
            ("/a#b", PatternError::Literal(LiteralError::Delimiter('#'))),
            ("/a%4", PatternError::Literal(LiteralError::PercentEncoding)),
            ("/a\n", PatternError::Literal(LiteralError::Control)),
        ];
        for (text, expected) in cases {
            assert_eq!(PathPattern::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics_and_what_parses_compiles(text in "/[a-c{}*./%?\u{e9}]{0,12}") {
            if let Ok(pattern) = PathPattern::parse(&text) {
                assert!(regex::Regex::new(&pattern.regex(Captures::Ignored)).is_ok());
            }
        }
    }
}
