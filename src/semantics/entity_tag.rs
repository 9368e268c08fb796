//! Entity tags: RFC 9110 section 8.8.3, and how a tag marks the coding that Larder applied (section 8.8.3.3).

use http::HeaderMap;

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
    /// The valid ETag of a response, if any.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        todo!("{headers:?}")
    }
}
