//! A stored response: immutable once made, shared by reference count. Updating one means making another.
//!
//! An [`Entry`] holds its head once, as bytes ready to send from which fields are read as views; its body once, as
//! received or coded by Larder; and what later decisions need, parsed and packed. Most entries are small and there
//! are many of them, so all their bytes lie packed together: two allocations for an entry, the struct and what is packed.
//! Of a body that Larder coded there may be other codings beside, each an entry of its own with its own head.
//! Everything it holds is charged to [`Entry::weight_bytes`].

pub(crate) mod body;
pub(crate) mod coders;
pub(crate) mod coding;
mod field_names;
mod kept_policy;
mod lengths;
mod packed;
pub(crate) mod prepared;
pub(crate) mod recoded;
pub(crate) mod settling;
pub(crate) mod variants;

use crate::clock::Timestamp;
use crate::scope::{Membership, RouteName, Tag, Tags};
use crate::semantics::conditional::VALIDATOR_FIELDS;
use crate::semantics::lifetime::Lifetime;
use crate::semantics::partial::Part;
use crate::semantics::policy::ResponsePolicy;
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use body::{BodyView, PackedCoding, StoredBody};
use http::{HeaderMap, HeaderName, StatusCode};
use kept_policy::KeptPolicy;
use packed::PackedEntry;
use prepared::{PreparedHead, View};
use settling::Settling;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

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
    /// The number of the rules in force whose route and tags are those above; 0 where that is not known.
    pub filed_by: u32,
    /// Until when it is kept, where it was fetched shortly after a purge of it.
    pub settling: Option<Settling>,
}

/// A stored response.
#[derive(Debug)]
pub struct Entry {
    packed: PackedEntry,
    policy: KeptPolicy,
    route: RouteName,
    /// What a body that is packed with the rest is coded in and decodes to, where Larder coded it.
    coded: Option<PackedCoding>,
    apart: Option<Box<Apart>>,
    rare: Option<Box<Rare>>,
    stamp: Stamp,
    stored_at: Timestamp,
    filed_by: u32,
    /// The generation of barriers and rules up to which no purge is known to cover it: spares the barrier look-up on most
    /// hits.
    pub cleared_generation: AtomicU64,
}

/// What few small entries have.
#[derive(Debug)]
struct Apart {
    body: StoredBody,
    part: Option<Part>,
    /// The same response in other codings that Larder has made.
    recoded: Box<[Arc<Entry>]>,
}

/// What few entries have.
#[derive(Debug)]
struct Rare {
    variant: VariantKey,
    settling: Option<Settling>,
}

/// A body of this size at most is packed with the rest. It is copied to be sent, as the fast path does in any case.
const BODY_WITHIN_RECORD_MAX: usize = 4 * 1024;

/// The variant of a response that varies by nothing.
static UNVARIED: VariantKey = VariantKey(Vec::new());

/// What the allocator adds to each allocation, in bytes: its own header and rounding up, on average.
pub(crate) const ALLOCATION_OVERHEAD_BYTES: usize = 16;

/// The reference counts in front of what an `Arc` holds.
pub(crate) const ARC_HEADER_BYTES: usize = 2 * size_of::<usize>();

/// The reference count that shared `Bytes` allocate beside the bytes themselves once they are first cloned.
const SHARED_BYTES_HEADER: usize = 3 * size_of::<usize>();

/// How many allocations any entry has: the struct and what is packed.
pub(crate) const ALLOCATIONS: usize = 2;

impl Entry {
    /// A response with these headers: the origin's own (Content-Length, `ETag` and Content-Encoding too, whatever coding
    /// the body is kept in), hop-by-hop fields and those that may not be stored already dropped.
    ///
    /// The headers are copied, so that no entry keeps a read buffer alive.
    #[must_use]
    pub fn new(parts: EntryParts, headers: &HeaderMap) -> Self {
        Self::beside(Box::default(), parts, headers)
    }

    /// As [`Self::new`], with the same in other codings beside it.
    fn beside(recoded: Box<[Arc<Self>]>, parts: EntryParts, headers: &HeaderMap) -> Self {
        let head = PreparedHead::new(parts.status, headers, &parts.body);
        let within = if recoded.is_empty() { packed_with(&parts) } else { None };
        let body = if within.is_some() { parts.body.at_rest() } else { &[][..] };
        let mut variant = parts.variant;
        variant.0.shrink_to_fit();
        Self {
            packed: PackedEntry::new(&head, body, (&parts.url, parts.path_start), &parts.tags),
            policy: KeptPolicy::of(&ResponsePolicy { status: parts.status, ..parts.policy }),
            route: parts.route,
            coded: within.and_then(|within| within.coded),
            apart: within.is_none().then(|| Box::new(Apart { body: parts.body, part: parts.part, recoded })),
            rare: (!variant.0.is_empty() || parts.settling.is_some())
                .then(|| Box::new(Rare { variant, settling: parts.settling })),
            stamp: parts.stamp,
            stored_at: parts.stored_at,
            filed_by: parts.filed_by,
            cleared_generation: AtomicU64::new(0),
        }
    }

    /// The origin's headers, for decisions; Content-Length is that of the body as the origin sent it. Made anew on
    /// each call from the head's bytes.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.fields(View::Origin, 0)
    }

    /// The HTTP/1.1 head for the body at rest, ready to send: status line and lines, each with its CRLF, without the
    /// empty line that closes a head.
    #[must_use]
    pub fn head_at_rest(&self) -> &[u8] {
        self.packed.head_at_rest()
    }

    /// The fields of one view of the head, with room for `more` without growing.
    #[must_use]
    pub fn fields(&self, view: View, more: usize) -> HeaderMap {
        self.packed.head_lines().fields(view, more)
    }

    /// Those fields of the head for the body at rest that a reader's preconditions are evaluated against.
    #[must_use]
    pub fn validators(&self) -> HeaderMap {
        let is_validator = |name: &HeaderName| VALIDATOR_FIELDS.contains(name);
        self.packed.head_lines().fields_where(View::AtRest, is_validator, VALIDATOR_FIELDS.len())
    }

    /// Writes the HTTP/1.1 head for the body at rest without the lines whose name is dropped, and without the empty line
    /// that closes a head.
    pub fn write_head_without(&self, drops: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        self.packed.head_lines().write_without(drops, out);
    }

    /// Writes the HTTP/1.1 head of a 304 that stands for the body at rest, without the lines whose name is dropped, and
    /// without the empty line that closes a head.
    pub fn write_not_modified(&self, drops: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        self.packed.head_lines().write_not_modified(drops, out);
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> BodyView<'_> {
        match &self.apart {
            Some(apart) => BodyView::of(&apart.body),
            None => BodyView::within(self.packed.body(), self.coded),
        }
    }

    /// What it is filed under, for the barriers.
    #[must_use]
    pub fn membership(&self) -> Membership<'_> {
        Membership {
            url: self.packed.url(),
            path_start: self.packed.path_start(),
            route: &self.route,
            tags: Tags::Joined(self.packed.tags()),
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.policy.status()
    }

    /// The caching policy; of fields that `private` and `no-cache` name, only that there are some.
    #[must_use]
    #[inline]
    pub fn policy(&self) -> ResponsePolicy {
        self.policy.policy()
    }

    /// Its age, see [`ResponsePolicy::current_age`].
    #[must_use]
    pub fn current_age(&self, now: Timestamp) -> Duration {
        self.policy.current_age(now)
    }

    /// How much of a lifetime is over, see [`ResponsePolicy::spent`].
    #[must_use]
    pub fn spent(&self, lifetime: &Lifetime, now: Timestamp) -> Duration {
        self.policy.spent(lifetime, now)
    }

    /// See [`EntryParts::variant`].
    #[must_use]
    pub fn variant(&self) -> &VariantKey {
        self.rare.as_ref().map_or(&UNVARIED, |rare| &rare.variant)
    }

    /// See [`EntryParts::settling`].
    #[must_use]
    pub fn settling(&self) -> Option<Settling> {
        self.rare.as_ref().and_then(|rare| rare.settling)
    }

    /// See [`EntryParts::part`].
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        self.apart.as_ref().and_then(|apart| apart.part)
    }

    /// See [`EntryParts::stamp`].
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// See [`EntryParts::filed_by`].
    #[must_use]
    pub const fn filed_by(&self) -> u32 {
        self.filed_by
    }

    /// See [`EntryParts::stored_at`].
    #[must_use]
    pub const fn stored_at(&self) -> Timestamp {
        self.stored_at
    }

    /// All memory that it holds, in bytes: head, body, tags, bookkeeping.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let apart = self.apart.as_ref().map_or(0, |apart| apart.weight_bytes());
        let rare = self.rare.as_ref().map_or(0, |rare| rare.weight_bytes());
        let own = size_of::<Self>() + ARC_HEADER_BYTES + ALLOCATIONS * ALLOCATION_OVERHEAD_BYTES;
        own + self.packed.len() + apart + rare
    }
}

/// How a body is packed with the rest.
#[derive(Debug, Clone, Copy)]
struct PackedWith {
    coded: Option<PackedCoding>,
}

/// How the body is packed with the rest; `None` if it is not: it is large, or that of a part.
fn packed_with(parts: &EntryParts) -> Option<PackedWith> {
    if parts.part.is_some() || parts.body.at_rest().len() > BODY_WITHIN_RECORD_MAX {
        return None;
    }
    match &parts.body {
        StoredBody::AsReceived(_) => Some(PackedWith { coded: None }),
        StoredBody::Coded { coding, identity_bytes, .. } => {
            Some(PackedWith { coded: Some(PackedCoding::new(*coding, *identity_bytes)?) })
        }
    }
}

impl Apart {
    /// What it occupies: itself, the body, the body's count, the other codings.
    fn weight_bytes(&self) -> usize {
        let own = size_of::<Self>() + self.body.at_rest().len() + SHARED_BYTES_HEADER + 3 * ALLOCATION_OVERHEAD_BYTES;
        let row = if self.recoded.is_empty() { 0 } else { size_of_val(&*self.recoded) + ALLOCATION_OVERHEAD_BYTES };
        own + row + self.recoded.iter().map(|other| other.weight_bytes()).sum::<usize>()
    }
}

impl Rare {
    /// What it occupies: itself, the names and the values that pick the variant.
    fn weight_bytes(&self) -> usize {
        let pairs = self.variant.0.iter().map(|(name, value)| {
            name.as_str().len() + value.len() + size_of::<(HeaderName, Box<[u8]>)>() + 2 * ALLOCATION_OVERHEAD_BYTES
        });
        size_of::<Self>() + 2 * ALLOCATION_OVERHEAD_BYTES + pairs.sum::<usize>()
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
