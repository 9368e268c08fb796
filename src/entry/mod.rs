//! A stored response: immutable once made, shared by reference count. Updating one means making another.
//!
//! An [`Entry`] holds its head once, as bytes ready to send from which fields are read as views; its body once, as
//! received or gzip-coded by Larder; and what later decisions need, parsed. Everything it holds is charged to
//! [`Entry::weight_bytes`].

pub mod body;
pub mod coding;
mod field_names;
pub mod prepared;
pub mod variants;

use crate::clock::Timestamp;
use crate::scope::{Membership, RouteName, Tag};
use crate::semantics::cache_control::Qualified;
use crate::semantics::partial::Part;
use crate::semantics::policy::ResponsePolicy;
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use body::StoredBody;
use http::{HeaderMap, HeaderName, StatusCode};
use prepared::{PreparedHead, View};
use std::sync::atomic::AtomicU64;

/// Everything that makes an entry besides its headers; see the fields of [`Entry`].
#[derive(Debug, Clone)]
pub struct EntryParts {
    /// The settled URL as keyed, `scheme://authority/path?query`.
    pub url: Box<str>,
    /// Where the path begins in `url`, in bytes.
    pub path_start: usize,
    /// The route that stored it.
    pub route: RouteName,
    /// Its tags: the route's and the origin's.
    pub tags: Box<[Tag]>,
    /// The status: 200, 206 for a part, or another storable one.
    pub status: StatusCode,
    /// The caching policy read from its headers. Its lifetime is asked of the rules in force, each time.
    pub policy: ResponsePolicy,
    /// The variant that it is: the fields it varies by and the values that pick it.
    pub variant: VariantKey,
    /// The body.
    pub body: StoredBody,
    /// For a 206: which part.
    pub part: Option<Part>,
    /// The log position when its fetch began (or, for a revalidated one, when the validation began).
    pub stamp: Stamp,
    /// When it was stored.
    pub stored_at: Timestamp,
}

/// A stored response.
#[derive(Debug)]
pub struct Entry {
    /// What it was made from.
    pub parts: EntryParts,
    /// The head as bytes ready to send.
    pub prepared: PreparedHead,
    /// The barrier generation up to which no purge is known to cover it: spares the barrier look-up on most hits.
    pub cleared_generation: AtomicU64,
    weight_bytes: usize,
}

/// What the allocator adds to each allocation, in bytes: its own header and rounding up, on average.
pub(crate) const ALLOCATION_OVERHEAD_BYTES: usize = 16;

/// The reference counts in front of what an `Arc` holds.
pub(crate) const ARC_HEADER_BYTES: usize = 2 * size_of::<usize>();

/// The reference count that shared `Bytes` allocate beside the bytes themselves once they are first cloned.
const SHARED_BYTES_HEADER: usize = 3 * size_of::<usize>();

/// How many allocations any entry has: the struct, the URL, the head, its table, the body, the body's count.
pub(crate) const ALLOCATIONS: usize = 6;

impl Entry {
    /// A response with these headers: the origin's own (Content-Length, `ETag` and Content-Encoding too, whatever coding
    /// the body is kept in), hop-by-hop fields and those that may not be stored already dropped.
    ///
    /// The headers are copied, so that no entry keeps a read buffer alive.
    #[must_use]
    pub fn new(parts: EntryParts, headers: &HeaderMap) -> Self {
        let prepared = PreparedHead::new(parts.status, headers, &parts.body);
        let mut entry = Self { parts, prepared, cleared_generation: AtomicU64::new(0), weight_bytes: 0 };
        entry.weight_bytes = entry.head_bytes() + entry.body_bytes() + entry.bookkeeping_bytes();
        entry
    }

    /// The origin's headers, for decisions; Content-Length is that of the body as the origin sent it. Made anew on
    /// each call from the head's bytes.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.prepared.fields(View::Origin, 0)
    }

    /// What it is filed under, for the barriers.
    #[must_use]
    pub fn membership(&self) -> Membership<'_> {
        Membership {
            url: &self.parts.url,
            path_start: self.parts.path_start,
            route: &self.parts.route,
            tags: &self.parts.tags,
        }
    }

    /// All memory that it holds, in bytes: head, body, tags, bookkeeping.
    #[must_use]
    pub const fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    fn head_bytes(&self) -> usize {
        self.prepared.weight_bytes()
    }

    fn body_bytes(&self) -> usize {
        self.parts.body.at_rest().len()
    }

    /// Everything but head and body.
    fn bookkeeping_bytes(&self) -> usize {
        let parts = &self.parts;
        let tags = parts.tags.iter().map(|tag| tag.as_str().len() + ARC_HEADER_BYTES + ALLOCATION_OVERHEAD_BYTES);
        let variant = parts.variant.0.iter().map(|(name, value)| {
            name.as_str().len() + value.len() + size_of::<(HeaderName, Box<[u8]>)>() + 2 * ALLOCATION_OVERHEAD_BYTES
        });
        let directives = &parts.policy.directives;
        size_of::<Self>()
            + ARC_HEADER_BYTES
            + SHARED_BYTES_HEADER
            + ALLOCATIONS * ALLOCATION_OVERHEAD_BYTES
            + parts.url.len()
            + parts.tags.len() * size_of::<Tag>()
            + tags.sum::<usize>()
            + variant.sum::<usize>()
            + qualified_bytes(&directives.no_cache)
            + qualified_bytes(&directives.private)
    }
}

/// What a directive that names fields occupies beyond the struct itself.
fn qualified_bytes(directive: &Qualified) -> usize {
    match directive {
        Qualified::Absent | Qualified::Whole => 0,
        Qualified::Fields(names) => names.iter().map(|name| size_of::<HeaderName>() + name.as_str().len()).sum(),
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
