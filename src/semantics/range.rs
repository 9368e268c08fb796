//! Byte ranges: RFC 9110 section 14, If-Range of section 13.1.5.

use super::date::parse_http_date;
use super::entity_tag::EntityTag;
use crate::clock::Timestamp;
use http::header::{DATE, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// The most ranges that are answered one by one.
const RANGES_MAX: usize = 16;

/// How many ranges may overlap others before the request is taken for an attack (RFC 9110 section 17.15).
const OVERLAPS_MAX: usize = 2;

/// How much older than Date a Last-Modified must be to be a strong validator (RFC 9110 section 8.8.2.2).
const STRONG_AFTER: Duration = Duration::from_secs(1);

/// A satisfiable range of bytes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub first: u64,
    /// Last byte.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes; never zero.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    const fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// One range as a request writes it, before the length is known: RFC 9110 section 14.1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeSpec {
    /// `first-last` or `first-`.
    From {
        /// First byte.
        first: u64,
        /// Last byte, not before the first; none: to the end.
        last: Option<u64>,
    },
    /// `-length`: this many bytes at the end.
    Suffix(u64),
}

impl RangeSpec {
    fn parse(text: &[u8]) -> Option<Self> {
        let (first, last) = split_once(text, b'-')?;
        if first.is_empty() {
            return Some(Self::Suffix(parse_saturating(last)?));
        }
        let first = parse_saturating(first)?;
        let last = if last.is_empty() { None } else { Some(parse_saturating(last)?) };
        last.is_none_or(|last| first <= last).then_some(Self::From { first, last })
    }

    /// The bytes that it means of a representation of this length; `None` if it is not satisfiable.
    pub(crate) fn resolve(self, length: u64) -> Option<ByteRange> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From { first, last } if first <= end => Some(ByteRange { first, last: last.unwrap_or(end).min(end) }),
            Self::Suffix(wanted @ 1..) => Some(ByteRange { first: length.saturating_sub(wanted), last: end }),
            Self::From { .. } | Self::Suffix(_) => None,
        }
    }
}

/// A number of digits only; one too large to count with is larger than any length.
fn parse_saturating(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| parse_position(digits).unwrap_or(u64::MAX))
}

/// Reads the Range of a request; `None` if it is absent, repeated, of another unit, malformed, or of more than 16
/// ranges: then it is ignored (RFC 9110 section 14.2).
pub(crate) fn parse_range(request: &HeaderMap) -> Option<Vec<RangeSpec>> {
    let mut lines = request.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (unit, set) = split_once(line.as_bytes().trim_ascii(), b'=')?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for member in set.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty()) {
        if specs.len() == RANGES_MAX {
            return None;
        }
        specs.push(RangeSpec::parse(member)?);
    }
    (!specs.is_empty()).then_some(specs)
}

/// What a request's Range and If-Range ask of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeVerdict {
    /// The whole: no range, one that is not understood, or If-Range does not hold.
    Whole,
    /// One part: 206 with Content-Range.
    Single(ByteRange),
    /// Several parts: 206 multipart/byteranges.
    Multiple(Vec<ByteRange>),
    /// 416 with `Content-Range: bytes */length`.
    NotSatisfiable,
}

/// Resolves Range and If-Range of a GET against the representation that would be sent: its headers and its length
/// in bytes. More than 16 ranges, or more than two that overlap earlier ones, yield the whole (RFC 9110 section 14.2,
/// 17.15).
#[must_use]
pub fn resolve(request: &HeaderMap, selected: &HeaderMap, length: u64, now: Timestamp) -> RangeVerdict {
    let Some(specs) = parse_range(request) else { return RangeVerdict::Whole };
    if if_range_holds(request, selected, now) == IfRange::Fails {
        return RangeVerdict::Whole;
    }
    let ranges: Vec<ByteRange> = specs.iter().filter_map(|spec| spec.resolve(length)).collect();
    match ranges.as_slice() {
        // An empty representation has no range; the whole is as good an answer and needs no error (section 14.2).
        [] if length == 0 => RangeVerdict::Whole,
        [] => RangeVerdict::NotSatisfiable,
        [range] => RangeVerdict::Single(*range),
        several if is_abusive(several) => RangeVerdict::Whole,
        _ => RangeVerdict::Multiple(ranges),
    }
}

/// Whether more ranges than [`OVERLAPS_MAX`] overlap an earlier one.
fn is_abusive(ranges: &[ByteRange]) -> bool {
    let overlaps_earlier =
        |(index, range): &(usize, &ByteRange)| ranges.iter().take(*index).any(|earlier| earlier.overlaps(range));
    ranges.iter().enumerate().filter(overlaps_earlier).count() > OVERLAPS_MAX
}

/// What If-Range says of the representation that would be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfRange {
    /// The request has none.
    Absent,
    /// The client's part is of the same representation: answer the range.
    Holds,
    /// It is not, or that is not known: answer the whole.
    Fails,
}

/// Evaluates If-Range (RFC 9110 section 13.1.5): an entity tag by strong comparison, a date by exact match with a
/// Last-Modified that is a strong validator in the sense of section 8.8.2.2.
pub(crate) fn if_range_holds(request: &HeaderMap, selected: &HeaderMap, now: Timestamp) -> IfRange {
    let mut lines = request.get_all(IF_RANGE).iter();
    let Some(line) = lines.next() else { return IfRange::Absent };
    if lines.next().is_some() {
        return IfRange::Fails;
    }
    let holds = match EntityTag::parse(line.as_bytes()) {
        Some(presented) => EntityTag::of(selected).is_some_and(|tag| presented.matches_strongly(&tag)),
        None => is_strong_date_match(line, selected, now),
    };
    if holds { IfRange::Holds } else { IfRange::Fails }
}

fn is_strong_date_match(presented: &HeaderValue, selected: &HeaderMap, now: Timestamp) -> bool {
    let date_of = |name| selected.get(name).and_then(|value| parse_http_date(value.as_bytes(), now));
    let (Some(presented), Some(modified), Some(sent)) =
        (parse_http_date(presented.as_bytes(), now), date_of(LAST_MODIFIED), date_of(DATE))
    else {
        return false;
    };
    presented == modified && modified.saturating_add(STRONG_AFTER) <= sent
}

/// `bytes first-last/length`
#[must_use]
pub fn content_range(range: ByteRange, length: u64) -> HeaderValue {
    ascii_value(&format!("bytes {}-{}/{length}", range.first, range.last))
}

/// `bytes first-last/length`, or `bytes first-last/*` where the length of the whole is not known.
pub(crate) fn content_range_of_part(range: ByteRange, complete_length: Option<u64>) -> HeaderValue {
    match complete_length {
        Some(length) => content_range(range, length),
        None => ascii_value(&format!("bytes {}-{}/*", range.first, range.last)),
    }
}

/// `bytes */length`
pub(crate) fn content_range_unsatisfied(length: u64) -> HeaderValue {
    ascii_value(&format!("bytes */{length}"))
}

fn ascii_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("letters, digits, spaces and -/* are valid in a field value")
}

/// A number of digits only; `None` if it is too large to count with.
pub(super) fn parse_position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

pub(super) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
