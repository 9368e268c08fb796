//! Heads as bytes ready to send, and the same bytes as fields.
//!
//! The head of an entry is held once, as bytes. A table of two or three bytes a line says which name it has and how
//! long its value is, so that a [`HeaderMap`] can be made whose values are views of those bytes. An entry that Larder
//! coded has lines that differ between what is sent coded, what is sent decoded and what the origin said; each line
//! knows its views.

use super::body::StoredBody;
use super::field_names::NameCode;
use super::lengths;
use crate::semantics::conditional::belongs_in_not_modified;
use crate::semantics::content_coding::Coding;
use crate::semantics::entity_tag::EntityTag;
use crate::semantics::forwarding::is_hop_by_hop;
use crate::semantics::trust::X_REQUEST_ID;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AGE, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, TRAILER, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::ops::Range;

/// Which of an entry's heads is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// That of the body as it is kept: coded, where Larder coded it.
    AtRest,
    /// That of the body decoded; the same as [`Self::AtRest`] where Larder did not code it.
    Identity,
    /// What the origin said: for validation, merging and decisions.
    Origin,
}

/// In which views a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Views {
    All,
    Sent,
    AtRest,
    NotAtRest,
}

impl Views {
    /// Each at the place that is its number in the table.
    const BY_NUMBER: [Self; 4] = [Self::All, Self::Sent, Self::AtRest, Self::NotAtRest];

    const fn contains(self, view: View) -> bool {
        match self {
            Self::All => true,
            Self::Sent => !matches!(view, View::Origin),
            Self::AtRest => matches!(view, View::AtRest),
            Self::NotAtRest => !matches!(view, View::AtRest),
        }
    }
}

/// Status line and fields of an answer from the cache, without what is added to each answer (Age, Cache-Status, Via)
/// and without fields that concern one connection.
#[derive(Debug)]
pub(super) struct PreparedHead {
    /// The HTTP/1.1 head at rest, then the lines that stand in other views only.
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes are the head at rest.
    pub(super) at_rest_bytes: usize,
    /// The table of the lines, in the order of the bytes. Of each: a byte for name and views, the length of a
    /// name that is not common, the length of the value.
    pub(super) table: Vec<u8>,
}

const NAME_END: &[u8] = b": ";
const LINE_END: &[u8] = b"\r\n";
const NOT_MODIFIED_LINE: &[u8] = b"HTTP/1.1 304 Not Modified\r\n";

/// Fields that are made anew for each answer, and Trailer, since no trailers are kept.
static NOT_KEPT: [HeaderName; 4] = [AGE, X_REQUEST_ID, TRAILER, CONTENT_LENGTH];

impl PreparedHead {
    /// Prepares the head of a response with the origin's headers, for a body kept so.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: &StoredBody) -> Self {
        let mut head = Self::begun(status);
        let coding = body.coding();
        let coded = coding.is_some();
        for (name, value) in headers.iter().filter(|(name, _)| !is_hop_by_hop(name) && !NOT_KEPT.contains(name)) {
            // The strong tag of what the origin sent is not that of what is sent coded.
            if !(coded && name == ETAG) {
                head.line(name, value, Views::All);
            }
        }
        if let Some(coding) = coding {
            head.coded_lines(headers, coding);
        }
        // A 204 has no Content-Length (RFC 9110 section 8.6).
        let has_length = status != StatusCode::NO_CONTENT;
        let length_views = if coded { Views::AtRest } else { Views::All };
        if has_length {
            head.line(&CONTENT_LENGTH, &HeaderValue::from(body.at_rest().len()), length_views);
        }
        head.at_rest_bytes = head.bytes.len();
        if coded {
            for tag in headers.get_all(ETAG) {
                head.line(&ETAG, tag, Views::NotAtRest);
            }
            if has_length {
                head.line(&CONTENT_LENGTH, &HeaderValue::from(body.identity_bytes()), Views::NotAtRest);
            }
        }
        head
    }

    fn begun(status: StatusCode) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(b"HTTP/1.1 ");
        bytes.extend_from_slice(status.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        bytes.extend_from_slice(LINE_END);
        Self { bytes, at_rest_bytes: 0, table: Vec::with_capacity(32) }
    }

    /// What differs because Larder coded the body: the coding, its tag, and that the answer depends on what the
    /// request accepts.
    fn coded_lines(&mut self, headers: &HeaderMap, coding: Coding) {
        self.line(&CONTENT_ENCODING, &HeaderValue::from_static(coding.token()), Views::AtRest);
        if !names_accept_encoding(headers) {
            self.line(&VARY, &HeaderValue::from_static("accept-encoding"), Views::Sent);
        }
        // What is no valid tag names no representation, so it is not sent with another one.
        if let Some(tag) = EntityTag::of(headers) {
            self.line(&ETAG, &tag.coded(coding).to_header_value(), Views::AtRest);
        }
    }

    fn line(&mut self, name: &HeaderName, value: &HeaderValue, views: Views) {
        for part in [name.as_str().as_bytes(), NAME_END, value.as_bytes(), LINE_END] {
            self.bytes.extend_from_slice(part);
        }
        let code = NameCode::of(name);
        self.table.push(code.number() + NameCode::BOUND * views as u8);
        if code.name().is_none() {
            lengths::put(name.as_str().len(), &mut self.table);
        }
        lengths::put(value.len(), &mut self.table);
    }
}

/// The lines of a prepared head, by its bytes and its table.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLines<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) table: &'a [u8],
}

impl HeadLines<'_> {
    /// Writes the HTTP/1.1 head at rest without the lines whose name is dropped, and without the empty line that closes
    /// a head.
    pub(super) fn write_without(self, drops: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        let first = memchr::memchr(b'\n', self.bytes).map_or(self.bytes.len(), |end| end + 1);
        out.extend_from_slice(self.bytes.get(..first).unwrap_or_default());
        self.write_lines(|name| !drops(name), out);
    }

    fn write_lines(self, is_wanted: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        for line in self.lines_of(View::AtRest) {
            if is_wanted(self.name_of(&line)) {
                let whole = line.name.start..line.value.end + LINE_END.len();
                out.extend_from_slice(self.bytes.get(whole).unwrap_or_default());
            }
        }
    }

    /// Writes the HTTP/1.1 head of a 304 that stands for the body at rest, without the lines whose name is dropped, and
    /// without the empty line that closes a head.
    pub(super) fn write_not_modified(self, drops: impl Fn(&str) -> bool, out: &mut Vec<u8>) {
        let has_tag = self.lines_of(View::AtRest).any(|line| self.name_of(&line) == ETAG.as_str());
        out.extend_from_slice(NOT_MODIFIED_LINE);
        self.write_lines(|name| belongs_in_not_modified(name, has_tag) && !drops(name), out);
    }

    /// The fields of one view, with room for `more` without growing.
    pub(super) fn fields(self, view: View, more: usize) -> HeaderMap {
        self.fields_where(view, |_| true, self.lines().count().saturating_add(more))
    }

    /// The fields of one view whose name is wanted, in a map with room for so many.
    ///
    /// The values are views of one copy of the head's bytes, made for this answer: answers on other cores then don't
    /// contend for its reference count.
    pub(super) fn fields_where(
        self,
        view: View,
        is_wanted: impl Fn(&HeaderName) -> bool,
        capacity: usize,
    ) -> HeaderMap {
        let bytes = Bytes::copy_from_slice(self.bytes);
        let mut fields = HeaderMap::with_capacity(capacity);
        for line in self.lines_of(view) {
            if let Some(name) =
                line.common_name.cloned().or_else(|| HeaderName::from_bytes(&bytes[line.name.clone()]).ok())
                && is_wanted(&name)
                && let Ok(value) = HeaderValue::from_maybe_shared(bytes.slice(line.value))
            {
                fields.append(name, value);
            }
        }
        fields
    }

    /// The lines of one view, in their order.
    fn lines_of(self, view: View) -> impl Iterator<Item = PlacedLine> {
        let bytes = self.bytes.len();
        let mut at = memchr::memchr(b'\n', self.bytes).map_or(bytes, |end| end + 1);
        let placed = self.lines().map_while(move |line| {
            let name = at..at + line.name_bytes;
            let value_at = name.end + NAME_END.len();
            let value = value_at..value_at + line.value_bytes;
            at = value.end + LINE_END.len();
            (at <= bytes).then_some((line.views, PlacedLine { common_name: line.code.name(), name, value }))
        });
        placed.filter(move |(views, _)| views.contains(view)).map(|(_, line)| line)
    }

    fn lines(self) -> impl Iterator<Item = Line> {
        let mut table = self.table;
        std::iter::from_fn(move || Line::take(&mut table))
    }

    fn name_of(&self, line: &PlacedLine) -> &str {
        let bytes = || self.bytes.get(line.name.clone()).and_then(|name| std::str::from_utf8(name).ok());
        line.common_name.map_or_else(|| bytes().unwrap_or_default(), HeaderName::as_str)
    }
}

/// Where a line lies among the bytes.
struct PlacedLine {
    common_name: Option<&'static HeaderName>,
    name: Range<usize>,
    value: Range<usize>,
}

/// What the table says of one line.
struct Line {
    code: NameCode,
    views: Views,
    name_bytes: usize,
    value_bytes: usize,
}

impl Line {
    /// The first line of a table; none at its end.
    fn take(table: &mut &[u8]) -> Option<Self> {
        let (&first, rest) = table.split_first()?;
        *table = rest;
        let code = NameCode::from_number(first % NameCode::BOUND);
        let views = Views::BY_NUMBER[usize::from(first / NameCode::BOUND)];
        let name_bytes = match code.name() {
            Some(common) => common.as_str().len(),
            None => lengths::take(table)?,
        };
        Some(Self { code, views, name_bytes, value_bytes: lengths::take(table)? })
    }
}

fn names_accept_encoding(headers: &HeaderMap) -> bool {
    let members = headers.get_all(VARY).into_iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut members = members.map(<[u8]>::trim_ascii);
    members.any(|member| member.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str().as_bytes()))
}

#[cfg(test)]
#[path = "prepared_tests.rs"]
mod tests;
