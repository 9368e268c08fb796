//! Storing and combining partial responses: RFC 9111 section 3.3 and 3.4, RFC 9110 section 14.4 and 15.3.7.3.

use super::entity_tag::{EntityTag, Strength};
use super::range::{ByteRange, RangeSpec, parse_position, split_once};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

/// The single part that a 206 carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it lies.
    pub range: ByteRange,
    /// The length of the whole, if it is known.
    pub complete_length: Option<u64>,
}

impl Part {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.range.first == 0 && self.reaches_end()
    }

    fn reaches_end(&self) -> bool {
        self.complete_length == self.range.last.checked_add(1)
    }
}

/// Reads the Content-Range of a 206 with a single part; `None` if it is absent, repeated, malformed or multipart.
pub(crate) fn part_of(headers: &HeaderMap) -> Option<Part> {
    const MULTIPART: &[u8] = b"multipart/byteranges";
    let is_multipart = |value: &HeaderValue| {
        value.as_bytes().get(..MULTIPART.len()).is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART))
    };
    let mut lines = headers.get_all(CONTENT_RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    if headers.get_all(CONTENT_TYPE).iter().any(is_multipart) {
        return None;
    }
    parse_content_range(line.as_bytes())
}

/// Reads `bytes first-last/complete`; invalid where the last byte is before the first or not before the end
/// (RFC 9110 section 14.4).
fn parse_content_range(value: &[u8]) -> Option<Part> {
    let (unit, rest) = split_once(value.trim_ascii(), b' ')?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let (range, complete) = split_once(rest, b'/')?;
    let (first, last) = split_once(range, b'-')?;
    let range = ByteRange { first: parse_position(first)?, last: parse_position(last)? };
    let complete_length = if complete == b"*" { None } else { Some(parse_position(complete)?) };
    let is_valid = range.first <= range.last && complete_length.is_none_or(|complete| range.last < complete);
    // The last byte's number is below the largest, so that a length can be computed.
    (is_valid && range.last < u64::MAX).then_some(Part { range, complete_length })
}

/// What a stored part holds of a requested range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// It answers the request: this range, from this offset in the stored body on.
    Held {
        /// The range of the answer's Content-Range.
        range: ByteRange,
        /// Where it begins in the stored body, in bytes.
        offset: u64,
    },
    /// Some of it, or all, is missing.
    Missing,
}

/// What a stored part, whose body has `held_bytes` bytes, holds of a requested range (RFC 9111 section 3.3).
///
/// Some origins send fewer bytes, in a complete message, than their Content-Range says. It is not known then where those
/// bytes lie, so such a part is never combined. It still answers what it would answer if asked again: a position counts
/// from the part's beginning, a suffix from the end of the bytes held, if the part reaches the end of the whole.
pub(crate) fn coverage(part: &Part, held_bytes: u64, requested: RangeSpec) -> Coverage {
    covered(part, held_bytes, requested).unwrap_or(Coverage::Missing)
}

fn covered(part: &Part, held_bytes: u64, requested: RangeSpec) -> Option<Coverage> {
    let held_bytes = held_bytes.min(part.range.len());
    let (first, last) = match requested {
        RangeSpec::Suffix(length) => {
            if !part.reaches_end() || length == 0 {
                return None;
            }
            // A suffix longer than the whole asks for all of it (RFC 9110 section 14.1.2).
            let length = length.min(part.complete_length?);
            let first = part.range.last.checked_add(1)?.checked_sub(length)?;
            let offset = held_bytes.checked_sub(length)?;
            return Some(Coverage::Held { range: ByteRange { first, last: part.range.last }, offset });
        }
        RangeSpec::From { first, last: Some(last) } => (first, last),
        RangeSpec::From { first, last: None } => (first, part.complete_length?.checked_sub(1)?),
    };
    // A last position beyond the end means the end (RFC 9110 section 14.1.2).
    let last = part.complete_length.and_then(|length| length.checked_sub(1)).map_or(last, |end| last.min(end));
    let offset = first.checked_sub(part.range.first)?;
    if last < first || last > part.range.last || offset >= held_bytes {
        return None;
    }
    let held_last = part.range.first.checked_add(held_bytes)?.checked_sub(1)?;
    // A 206 may hold less than was asked for (RFC 9110 section 15.3.7): all that there is, if the origin was short.
    Some(Coverage::Held { range: ByteRange { first, last: last.min(held_last) }, offset })
}

/// The Range field that asks for what a stored part misses of the whole, to complete it (RFC 9111 section 3.4); none
/// where nothing is missing, or more than one range.
pub(crate) fn completing_range(part: &Part) -> Option<HeaderValue> {
    let text = match (part.range.first, part.reaches_end()) {
        (0, false) => format!("bytes={}-", part.range.last.checked_add(1)?),
        (first @ 1.., true) => format!("bytes=0-{}", first - 1),
        _ => return None,
    };
    HeaderValue::from_str(&text).ok()
}

/// Whether two responses with 206 or 200 may be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combination {
    /// They are of one representation.
    Allowed,
    /// They have no strong validator, or not the same one.
    Refused,
}

/// Whether a stored response and a newer one are of one representation: both have the same strong entity tag
/// (RFC 9111 section 3.4, RFC 9110 section 15.3.7.3).
pub(crate) fn combination(stored: &HeaderMap, newer: &HeaderMap) -> Combination {
    match (EntityTag::of(stored), EntityTag::of(newer)) {
        (Some(one), Some(other)) if one.matches_strongly(&other) => Combination::Allowed,
        _ => Combination::Refused,
    }
}

/// The If-Range field that makes the origin send the whole if the stored response is out of date (RFC 9110 section
/// 13.1.5); `None` if it has no strong entity tag.
pub(crate) fn if_range(stored: &HeaderMap) -> Option<HeaderValue> {
    EntityTag::of(stored).filter(|tag| tag.strength == Strength::Strong).map(|tag| tag.to_header_value())
}

/// Combines two parts of one representation (see [`combination`]) that touch or overlap. `None` if they do neither,
/// where a body's length is not its part's, where they give different lengths of the whole, or where the bytes that both
/// hold differ: then they are not of one representation after all.
pub(crate) fn combine(one: (&Part, &Bytes), other: (&Part, &Bytes)) -> Option<(Part, Bytes)> {
    let (low, high) = if one.0.range.first <= other.0.range.first { (one, other) } else { (other, one) };
    let (low_range, high_range) = (low.0.range, high.0.range);
    if low_range.len() != low.1.len() as u64 || high_range.len() != high.1.len() as u64 {
        return None;
    }
    let complete_length = match (low.0.complete_length, high.0.complete_length) {
        (Some(one), Some(other)) if one != other => return None,
        (one, other) => one.or(other),
    };
    let last = low_range.last.max(high_range.last);
    if high_range.first > low_range.last.checked_add(1)? || complete_length.is_some_and(|length| last >= length) {
        return None;
    }
    let skipped = usize::try_from(high_range.first.checked_sub(low_range.first)?).ok()?;
    let overlap = low.1.get(skipped..)?;
    let shared = overlap.len().min(high.1.len());
    if overlap.get(..shared)? != high.1.get(..shared)? {
        return None;
    }
    let part = Part { range: ByteRange { first: low_range.first, last }, complete_length };
    let rest = high.1.get(shared..)?;
    if rest.is_empty() {
        return Some((part, low.1.clone()));
    }
    let mut joined = BytesMut::with_capacity(low.1.len().checked_add(rest.len())?);
    joined.extend_from_slice(low.1);
    joined.extend_from_slice(rest);
    Some((part, joined.freeze()))
}

#[cfg(test)]
#[path = "partial_tests.rs"]
mod tests;
