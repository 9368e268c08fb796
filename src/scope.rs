//! What a purge can name, and what a stored response is filed under.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest tag, in bytes: as long as any text that a purge names. An answer with a longer one is not stored.
pub(crate) const TAG_BYTES_MAX: usize = 64 * 1024;

/// A label that groups responses for purging: UTF-8 without control characters but the tab, 1 to [`TAG_BYTES_MAX`] bytes,
/// compared byte by byte. Spaces are part of it, since a group is any string (RFC 9875 section 2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Tag(Arc<str>);

/// Why a text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// The text is empty.
    #[error("a tag cannot be empty")]
    Empty,
    /// The text has more than [`TAG_BYTES_MAX`] bytes.
    #[error("a tag cannot have more than {TAG_BYTES_MAX} bytes")]
    TooLong,
    /// The text holds a control character.
    #[error("a tag cannot hold control characters")]
    Character,
}

impl Tag {
    /// Checks `text` and makes it a tag.
    ///
    /// # Errors
    /// Where the text is empty, too long, or holds a control character other than a tab.
    pub fn new(text: &str) -> Result<Self, TagError> {
        if text.is_empty() {
            return Err(TagError::Empty);
        }
        if text.len() > TAG_BYTES_MAX {
            return Err(TagError::TooLong);
        }
        if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(TagError::Character);
        }
        Ok(Self(text.into()))
    }

    /// The text of the tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, TagError> {
        Self::new(&text)
    }
}

/// The name of a route: the label in metrics and logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteName(Arc<str>);

impl RouteName {
    /// A route name with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How deep a purge goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What it covers becomes stale: stale windows still help.
    Soft,
    /// What it covers becomes unusable.
    Hard,
}

impl Depth {
    /// The stable label in receipts.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        }
    }
}

/// What one barrier covers.
///
/// A URL or prefix that begins with `/` means every authority; otherwise it is absolute. URLs are written as
/// [`crate::semantics::target::Target`] writes them after the route's query recipe, so that equal texts mean equal
/// resources.
///
/// As JSON it is its `kind` (the label) and, but for everything, its `name`; a URL begins with `//` where it has a host
/// and covers both schemes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Scope {
    /// Everything stored.
    All,
    /// Everything stored by one route.
    Route(RouteName),
    /// Everything that carries the tag.
    Tag(Tag),
    /// All variants of one URL.
    Url(Box<str>),
    /// All URLs that begin so.
    Prefix(Box<str>),
}

/// `://authority/path` of an absolute URL, and what begins with `/` as it is: the two can't be taken for each other.
#[must_use]
pub(crate) fn without_scheme(url: &str) -> &str {
    if url.starts_with('/') {
        return url;
    }
    url.find("://").and_then(|scheme_bytes| url.get(scheme_bytes..)).unwrap_or(url)
}

impl Scope {
    /// How much text it holds, in bytes.
    #[must_use]
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Route(route) => route.as_str().len(),
            Self::Tag(tag) => tag.as_str().len(),
            Self::Url(text) | Self::Prefix(text) => text.len(),
        }
    }
}

/// The scopes that a stored response, or a fetch in flight, falls under.
#[derive(Debug, Clone, Copy)]
pub struct Membership<'a> {
    /// The absolute URL as keyed: `scheme://authority/path?query`.
    pub url: &'a str,
    /// Where the path begins in `url`, a byte offset.
    pub path_start: usize,
    /// The route that stored it.
    pub route: &'a RouteName,
    /// Its tags.
    pub tags: Tags<'a>,
}

/// What parts joined tags: a line break, which no tag holds.
pub(crate) const TAG_SEPARATOR: char = '\n';

/// Tags, as a request or as a stored response has them.
#[derive(Debug, Clone, Copy)]
pub enum Tags<'a> {
    /// One by one.
    Listed(&'a [Tag]),
    /// Joined by [`TAG_SEPARATOR`].
    Joined(&'a str),
}

impl<'a> Tags<'a> {
    /// The text of each.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let (listed, joined) = match self {
            Self::Listed(listed) => (listed, ""),
            Self::Joined(joined) => (&[][..], joined),
        };
        // No tags joined are no text; a tag has a character at least.
        listed.iter().map(Tag::as_str).chain(joined.split(TAG_SEPARATOR).filter(|text| !text.is_empty()))
    }

    /// Each as a tag of its own.
    pub fn to_tags(self) -> impl Iterator<Item = Tag> + 'a {
        // What was joined was tags, so that none is left out.
        self.iter().filter_map(|text| Tag::new(text).ok())
    }
}

/// So many tags are compared with each other; more are looked up.
const FEW_TAGS: usize = 16;

/// Each tag once, in the order of their first place.
#[must_use]
pub(crate) fn distinct(tags: impl IntoIterator<Item = Tag>) -> Vec<Tag> {
    let (mut kept, mut seen) = (Vec::new(), HashSet::new());
    for tag in tags {
        let is_new = if kept.len() < FEW_TAGS {
            !kept.contains(&tag)
        } else {
            if seen.is_empty() {
                seen.extend(kept.iter().cloned());
            }
            seen.insert(tag.clone())
        };
        if is_new {
            kept.push(tag);
        }
    }
    kept
}
