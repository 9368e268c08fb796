//! The representation of an entry that a request gets: as it is kept, or inflated.

use super::stored_body::{self, InflatingBody, Segment};
use crate::engine::origin::Body;
use crate::entry::Entry;
use crate::entry::prepared::View;
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::encoding::AcceptedCodings;
use crate::semantics::range::{self, ByteRange};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use std::collections::VecDeque;

/// One representation of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Representation<'a> {
    entry: &'a Entry,
    view: View,
}

impl<'a> Representation<'a> {
    /// The one that a request's ranges and preconditions are about. A range is one of the uncoded bytes, unless the
    /// request refuses those.
    pub(super) fn choose(entry: &'a Entry, presented: &HeaderMap) -> Self {
        if !is_coded(entry) {
            return Self { entry, view: View::AtRest };
        }
        let identity = presented.contains_key(RANGE) && AcceptedCodings::parse(presented).identity;
        if identity { Self { entry, view: View::Identity } } else { Self::negotiated(entry, presented) }
    }

    /// The one that a request without a range gets: coded where it accepts gzip and lets Larder transform, else
    /// uncoded, even where it accepts neither: an answer in a coding not asked for is better than none (RFC 9110
    /// section 12.5.3).
    pub(super) fn negotiated(entry: &'a Entry, presented: &HeaderMap) -> Self {
        let coded = !is_coded(entry) || (AcceptedCodings::parse(presented).gzip && may_transform(presented));
        Self { entry, view: if coded { View::AtRest } else { View::Identity } }
    }

    /// Whether it is what is kept, byte for byte.
    pub(super) fn is_at_rest(&self) -> bool {
        self.view == View::AtRest
    }

    pub(super) fn status(&self) -> StatusCode {
        self.entry.status()
    }

    /// Its fields, with room for `more`.
    pub(super) fn fields(&self, more: usize) -> HeaderMap {
        self.entry.fields(self.view, more)
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> u64 {
        match self.view {
            View::AtRest => self.entry.body().at_rest().len() as u64,
            View::Identity | View::Origin => self.entry.body().identity_bytes(),
        }
    }

    /// The whole of it.
    pub(super) fn body(&self) -> Body {
        match self.length().checked_sub(1) {
            Some(last) if self.view != View::AtRest => self.body_of(ByteRange { first: 0, last }),
            _ => stored_body::full(self.entry.body().to_bytes()),
        }
    }

    /// A range of it, which lies within its length.
    pub(super) fn body_of(&self, range: ByteRange) -> Body {
        match self.segment(range) {
            Segment::Ready(bytes) => stored_body::full(bytes),
            inflated @ Segment::Inflated(_) => self.stream(VecDeque::from([inflated])),
        }
    }

    /// Several ranges as `multipart/byteranges` (RFC 9110 section 14.6): its Content-Type, its length, the body.
    /// `content_type` is that of the representation.
    pub(super) fn multipart(
        &self,
        mut ranges: Vec<ByteRange>,
        content_type: Option<&HeaderValue>,
    ) -> (HeaderValue, u64, Body) {
        if self.view != View::AtRest {
            // In ascending order one pass of inflating will do; the order of the parts is free.
            ranges.sort_unstable_by_key(|range| range.first);
        }
        let boundary = format!("{:032x}", rand::random::<u128>());
        let mut segments = VecDeque::with_capacity(ranges.len() * 2 + 1);
        for range in ranges {
            segments.push_back(Segment::Ready(self.part_head(&boundary, range, content_type)));
            segments.push_back(self.segment(range));
        }
        segments.push_back(Segment::Ready(format!("\r\n--{boundary}--\r\n").into()));
        let length = segments.iter().map(Segment::bytes).sum();
        let content_type = HeaderValue::from_str(&format!("multipart/byteranges; boundary={boundary}"))
            .expect("letters, digits and punctuation are valid in a field value");
        (content_type, length, self.stream(segments))
    }

    fn part_head(&self, boundary: &str, range: ByteRange, content_type: Option<&HeaderValue>) -> Bytes {
        let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(content_type) = content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(content_type.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"Content-Range: ");
        head.extend_from_slice(range::content_range(range, self.length()).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head.into()
    }

    fn segment(&self, range: ByteRange) -> Segment {
        if self.view != View::AtRest {
            return Segment::Inflated(range);
        }
        let stored = self.entry.body().to_bytes();
        let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(stored.len());
        Segment::Ready(stored.slice(at(range.first)..at(range.last.saturating_add(1)).max(at(range.first))))
    }

    fn stream(&self, segments: VecDeque<Segment>) -> Body {
        InflatingBody::new(self.entry.body().to_bytes(), segments).boxed_unsync()
    }
}

fn is_coded(entry: &Entry) -> bool {
    entry.body().is_gzipped()
}

fn may_transform(presented: &HeaderMap) -> bool {
    !presented.contains_key(CACHE_CONTROL) || !RequestDirectives::parse(presented).no_transform
}
