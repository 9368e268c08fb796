//! A stored response: immutable once made, shared by reference count. Updating one means making another.
//!
//! An [`Entry`] holds its head twice: as fields, for decisions, and as bytes ready to send. Its body is held once, as
//! received or gzip-coded by Larder. Everything it holds is charged to its [`Entry::weight_bytes`].

pub mod body;
pub mod prepared;
pub mod variants;

use crate::clock::Timestamp;
use crate::scope::{RouteName, Tag};
use crate::semantics::lifetime::Lifetime;
use crate::semantics::partial::Part;
use crate::semantics::policy::ResponsePolicy;
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use body::StoredBody;
use http::{HeaderMap, StatusCode};
use prepared::PreparedHead;
use std::sync::atomic::AtomicU64;

/// Everything that makes an entry; see the fields of [`Entry`].
#[derive(Debug)]
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
    /// The response's fields, hop-by-hop fields and those that may not be stored already dropped. Content-Length,
    /// ETag and Content-Encoding are the origin's own, whatever coding the body is kept in.
    pub headers: HeaderMap,
    /// The caching policy read from it.
    pub policy: ResponsePolicy,
    /// The lifetime that the rules gave when it was stored; looked up anew when the rules have changed.
    pub lifetime: Lifetime,
    /// The variant that it is.
    pub variant: VariantKey,
    /// The fields that it varies by are the names in `variant`; the body.
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
