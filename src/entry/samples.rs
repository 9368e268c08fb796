//! Entries for the tests of this floor and those above.

use super::body::StoredBody;
use super::{Entry, EntryParts};
use crate::clock::Timestamp;
use crate::scope::{Membership, RouteName, Tag};
use crate::semantics::cache_control::ResponseDirectives;
use crate::semantics::lifetime::OriginLifetime;
use crate::semantics::partial::Part;
use crate::semantics::policy::ResponsePolicy;
use crate::semantics::range::ByteRange;
use crate::semantics::vary::VariantKey;
use crate::stamp::Stamp;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// The first two bytes of a response.
pub(crate) const TWO_BYTES: Part = Part { range: ByteRange { first: 0, last: 1 }, complete_length: Some(4) };

/// Describes an entry; every field has a default that a test need not name.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: StoredBody,
    pub(crate) variant: Vec<(&'static str, &'static str)>,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) part: Option<Part>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json")],
            body: StoredBody::AsReceived(Bytes::from_static(b"{}")),
            variant: Vec::new(),
            tags: Vec::new(),
            part: None,
        }
    }
}

impl Sample {
    /// A response whose body has so many bytes.
    pub(crate) fn sized(body_bytes: usize) -> Self {
        Self { body: StoredBody::AsReceived(vec![b'x'; body_bytes].into()), ..Self::default() }
    }

    /// A catalogue answer of 1 KiB with eight fields.
    pub(crate) fn typical() -> Self {
        Self {
            headers: vec![
                ("date", "Sun, 22 Nov 2026 05:31:05 GMT"),
                ("content-type", "application/json; charset=utf-8"),
                ("content-length", "1024"),
                ("cache-control", "public, max-age=300, stale-while-revalidate=30"),
                ("etag", "\"0f3c9a77b1\""),
                ("last-modified", "Sat, 21 Nov 2026 18:00:00 GMT"),
                ("server", "gunicorn"),
                ("x-powered-by", "6f1f2c9e"),
            ],
            ..Self::sized(1024)
        }
    }

    pub(crate) fn entry(self) -> Arc<Entry> {
        let headers = self.header_map();
        Arc::new(Entry::new(self.parts(), &headers))
    }

    pub(crate) fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    pub(crate) fn parts(self) -> EntryParts {
        let status = StatusCode::from_u16(self.status).expect("a status");
        EntryParts {
            url: "https://shop.example.com/api/products/4711?currency=EUR".into(),
            path_start: 24,
            route: RouteName::new("product"),
            tags: self.tags.iter().map(|tag| Tag::new(tag).expect("a tag")).collect(),
            status,
            policy: policy(status),
            variant: variant(&self.variant),
            body: self.body,
            part: self.part,
            stamp: Stamp::ZERO,
            stored_at: Timestamp::EPOCH,
            filed_by: 0,
            settling: None,
        }
    }
}

impl Entry {
    /// URL, start of the path, route and tags, to be compared.
    pub(crate) fn filed_under(&self) -> (&str, usize, &RouteName, Vec<&str>) {
        let Membership { url, path_start, route, tags } = self.membership();
        (url, path_start, route, tags.iter().collect())
    }
}

/// The variant key of these names and values.
pub(crate) fn variant(pairs: &[(&'static str, &'static str)]) -> VariantKey {
    VariantKey(pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.as_bytes().into())).collect())
}

/// A policy that says nothing.
pub(crate) fn policy(status: StatusCode) -> ResponsePolicy {
    ResponsePolicy {
        directives: ResponseDirectives::default(),
        lifetime: OriginLifetime::Absent,
        status,
        received_at: Timestamp::EPOCH,
        initial_age: Duration::ZERO,
        unchanged_for: Duration::ZERO,
        lifetime_max: None,
    }
}
