//! The representation of an entry that a request gets: as it is kept, in another coding that was made of it, or decoded.

use super::stored_body::{self, DecodingBody, Segment};
use crate::engine::origin::Body;
use crate::entry::Entry;
use crate::entry::prepared::View;
use crate::entry::recoded::InCoding;
use crate::semantics::cache_control::RequestDirectives;
use crate::semantics::content_coding::Coding;
use crate::semantics::encoding::CodingWishes;
use crate::semantics::entity_tag::EntityTag;
use crate::semantics::range::{self, ByteRange};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;

/// One representation of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Representation<'a> {
    entry: &'a Entry,
    view: View,
    /// The coding that the request would rather have, and that has not been made.
    unmade: Option<Coding>,
}

/// How the body of an entry is sent.
enum Sent<'a> {
    AtRest,
    Beside(&'a Arc<Entry>),
    Decoded,
}

impl<'a> Representation<'a> {
    /// The one that a request's ranges and preconditions are about, where `codings` are sent. A range is one of the
    /// uncoded bytes, unless the request refuses those.
    pub(super) fn choose(entry: &'a Entry, presented: &HeaderMap, codings: &[Coding]) -> Self {
        let is_decoded = entry.coding().is_some()
            && presented.contains_key(RANGE)
            && CodingWishes::parse(presented).takes_identity();
        if is_decoded {
            return Self { entry, view: View::Identity, unmade: None };
        }
        Self::negotiated(entry, presented, codings)
    }

    /// The one that a request without a range gets: see [`sent`].
    pub(super) fn negotiated(entry: &'a Entry, presented: &HeaderMap, codings: &[Coding]) -> Self {
        let (sent, unmade) = sent(entry, presented, codings);
        let (entry, view) = match sent {
            Sent::AtRest => (entry, View::AtRest),
            Sent::Beside(other) => (&**other, View::AtRest),
            Sent::Decoded => (entry, View::Identity),
        };
        Self { entry, view, unmade }
    }

    /// The coding that the request would rather have, and that has not been made.
    pub(super) fn unmade(&self) -> Option<Coding> {
        self.unmade
    }

    /// These fields of it, as they are of the coding that the request would rather have: what a client keeps of that
    /// coding, made before, is as good as this.
    pub(super) fn as_unmade(&self, fields: &HeaderMap) -> Option<HeaderMap> {
        let coding = self.unmade?;
        let mut fields = fields.clone();
        let origin = EntityTag::of(&self.entry.fields(View::Origin, 0))?;
        fields.insert(ETAG, origin.coded(coding).to_header_value());
        Some(fields)
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
            decoded @ Segment::Decoded(_) => self.stream(VecDeque::from([decoded])),
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
            // In ascending order one pass of decoding will do; the order of the parts is free.
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
            return Segment::Decoded(range);
        }
        let stored = self.entry.body().to_bytes();
        let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(stored.len());
        Segment::Ready(stored.slice(at(range.first)..at(range.last.saturating_add(1)).max(at(range.first))))
    }

    fn stream(&self, segments: VecDeque<Segment>) -> Body {
        // What is not coded has no segment that is to be decoded.
        let coding = self.entry.coding().unwrap_or(Coding::Gzip);
        DecodingBody::new(coding, self.entry.body().to_bytes(), segments).boxed_unsync()
    }
}

/// What is kept of an entry for a request, byte for byte: the entry itself, or another that lies beside it.
pub(super) enum Kept<'a> {
    /// The entry itself.
    Itself,
    /// The one beside it.
    Beside(&'a Arc<Entry>),
}

/// What a request without a range gets, if that is kept and nothing that has to be made first would suit it better.
pub(super) fn kept<'a>(entry: &'a Entry, presented: &HeaderMap, codings: &[Coding]) -> Option<Kept<'a>> {
    match sent(entry, presented, codings) {
        (Sent::AtRest, None) => Some(Kept::Itself),
        (Sent::Beside(other), None) => Some(Kept::Beside(other)),
        (_, Some(_)) | (Sent::Decoded, None) => None,
    }
}

/// What a request without a range gets, and the coding that it would rather have: of `codings` and the one at rest, the
/// coding that it prefers, where it lets Larder transform; else the uncoded body, even where it accepts neither: an answer
/// in a coding not asked for is better than none (RFC 9110 section 12.5.3).
#[inline]
fn sent<'a>(entry: &'a Entry, presented: &HeaderMap, codings: &[Coding]) -> (Sent<'a>, Option<Coding>) {
    match entry.coding() {
        None => (Sent::AtRest, None),
        Some(at_rest) => sent_coded(entry, at_rest, presented, codings),
    }
}

fn sent_coded<'a>(
    entry: &'a Entry,
    at_rest: Coding,
    presented: &HeaderMap,
    codings: &[Coding],
) -> (Sent<'a>, Option<Coding>) {
    if !may_transform(presented) {
        return (Sent::Decoded, None);
    }
    let wishes = CodingWishes::parse(presented);
    let unlisted = iter::once(at_rest).filter(|coding| !codings.contains(coding));
    let all = codings.iter().copied().chain(unlisted);
    let made = |coding: Option<Coding>| match coding.map(|coding| entry.in_coding(coding)) {
        Some(InCoding::AtRest) => Some(Sent::AtRest),
        Some(InCoding::Beside(other)) => Some(Sent::Beside(other)),
        Some(InCoding::Unmade) => None,
        None => Some(Sent::Decoded),
    };
    let best = wishes.best(all.clone());
    if let Some(sent) = made(best) {
        return (sent, None);
    }
    let is_made = |coding: &Coding| !matches!(entry.in_coding(*coding), InCoding::Unmade);
    (made(wishes.best(all.filter(is_made))).unwrap_or(Sent::Decoded), best)
}

fn may_transform(presented: &HeaderMap) -> bool {
    !presented.contains_key(CACHE_CONTROL) || !RequestDirectives::parse(presented).no_transform
}
