//! Heads as bytes ready to send, and the same bytes as fields.
//!
//! The head of an entry is held once, as bytes. Each line of it is known by its name and by where its value lies, so
//! that a [`HeaderMap`] can be made whose values are views of those bytes. An entry that Larder coded has lines that
//! differ between what is sent coded, what is sent inflated and what the origin said; each line knows its views.

use super::body::StoredBody;
use super::field_names::{FieldNames, FieldNamesBuilder, NameIndex};
use crate::semantics::conditional::belongs_in_not_modified;
use crate::semantics::entity_tag::EntityTag;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, PROXY_AUTHENTICATE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::ops::Range;

/// Which of an entry's heads is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// That of the body as it is kept: gzip-coded, where Larder coded it.
    AtRest,
    /// That of the body inflated; the same as [`Self::AtRest`] where Larder did not code it.
    Identity,
    /// What the origin said: for validation, merging and decisions.
    Origin,
}

/// In which views a line stands: one bit for each.
#[derive(Debug, Clone, Copy)]
struct Views(u8);

impl Views {
    const ALL: Self = Self(0b111);
    const SENT: Self = Self(0b011);
    const AT_REST: Self = Self(0b001);
    const NOT_AT_REST: Self = Self(0b110);

    const fn contains(self, view: View) -> bool {
        self.0 & (1 << view as u8) != 0
    }
}

/// One line, in the order of the bytes: 8 bytes, so that a table of them costs little.
#[derive(Debug, Clone, Copy)]
struct Line {
    value_bytes: u32,
    name: NameIndex,
    views: Views,
}

/// Status line and fields of an answer from the cache, without what is added to each answer (Age, Cache-Status, Via)
/// and without fields that concern one connection.
#[derive(Debug, Clone)]
pub struct PreparedHead {
    /// The HTTP/1.1 head at rest, then the lines that stand in other views only.
    bytes: Box<[u8]>,
    lines: Box<[Line]>,
    names: FieldNames,
    status_line_bytes: u32,
    at_rest_bytes: u32,
}

const NAME_END: &[u8] = b": ";
const LINE_END: &[u8] = b"\r\n";
const NOT_MODIFIED_LINE: &[u8] = b"HTTP/1.1 304 Not Modified\r\n";

/// Fields that concern one connection or are made anew for each answer.
const NOT_KEPT: [HeaderName; 12] = [
    AGE,
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("proxy-authorization"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    CONTENT_LENGTH,
];

impl PreparedHead {
    /// Prepares the head of a response with the origin's headers, for a body kept so.
    #[must_use]
    pub fn new(status: StatusCode, headers: &HeaderMap, body: &StoredBody) -> Self {
        let mut head = Builder::new(status, headers);
        let status_line_bytes = head.length();
        let coded = matches!(body, StoredBody::Gzipped { .. });
        for (name, value) in headers.iter().filter(|(name, _)| !NOT_KEPT.contains(name)) {
            // The strong tag of what the origin sent is not that of what is sent coded.
            if !(coded && name == ETAG) {
                head.line(name, value, Views::ALL);
            }
        }
        if coded {
            head.coded_lines(headers);
        }
        // A 204 has no Content-Length (RFC 9110 section 8.6).
        let has_length = status != StatusCode::NO_CONTENT;
        let length_views = if coded { Views::AT_REST } else { Views::ALL };
        if has_length {
            head.line(&CONTENT_LENGTH, &HeaderValue::from(body.at_rest().len()), length_views);
        }
        let at_rest_bytes = head.length();
        if coded {
            for tag in headers.get_all(ETAG) {
                head.line(&ETAG, tag, Views::NOT_AT_REST);
            }
            if has_length {
                head.line(&CONTENT_LENGTH, &HeaderValue::from(body.identity_bytes()), Views::NOT_AT_REST);
            }
        }
        Self {
            bytes: head.bytes.into_boxed_slice(),
            lines: head.lines.into_boxed_slice(),
            names: head.names.finish(),
            status_line_bytes,
            at_rest_bytes,
        }
    }

    /// The HTTP/1.1 head for the body at rest: status line and lines, each with its CRLF, without the empty line that
    /// closes a head.
    #[must_use]
    pub fn at_rest(&self) -> &[u8] {
        self.bytes.get(..self.at_rest_bytes as usize).unwrap_or_default()
    }

    /// Writes the HTTP/1.1 head of a 304 that stands for the body at rest, without the empty line that closes a head.
    pub fn write_not_modified(&self, out: &mut Vec<u8>) {
        let has_tag = self.lines_of(View::AtRest).any(|(name, _)| *name == ETAG);
        out.extend_from_slice(NOT_MODIFIED_LINE);
        for (name, value) in self.lines_of(View::AtRest).filter(|(name, _)| belongs_in_not_modified(name, has_tag)) {
            let line = value.start - name.as_str().len() - NAME_END.len()..value.end + LINE_END.len();
            out.extend_from_slice(self.bytes.get(line).unwrap_or_default());
        }
    }

    /// The fields of one view, with room for `more` without growing.
    #[must_use]
    pub fn fields(&self, view: View, more: usize) -> HeaderMap {
        self.fields_where(view, |_| true, self.lines.len().saturating_add(more))
    }

    /// The fields of one view whose name is wanted, in a map with room for so many.
    ///
    /// The values are views of one copy of the head's bytes, made for this answer: answers on other cores then don't
    /// contend for its reference count.
    #[must_use]
    pub fn fields_where(&self, view: View, is_wanted: impl Fn(&HeaderName) -> bool, capacity: usize) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(capacity);
        let bytes = Bytes::copy_from_slice(&self.bytes);
        for (name, value) in self.lines_of(view).filter(|(name, _)| is_wanted(name)) {
            if let Ok(value) = HeaderValue::from_maybe_shared(bytes.slice(value)) {
                fields.append(name, value);
            }
        }
        fields
    }

    /// The lines of one view: each one's name, and where its value lies.
    fn lines_of(&self, view: View) -> impl Iterator<Item = (&HeaderName, Range<usize>)> {
        let mut at = self.status_line_bytes as usize;
        self.lines.iter().filter_map(move |line| {
            let name = self.names.get(line.name)?;
            let start = at + name.as_str().len() + NAME_END.len();
            let end = start + line.value_bytes as usize;
            at = end + LINE_END.len();
            line.views.contains(view).then_some((name, start..end))
        })
    }

    /// What the head occupies beyond the struct itself, in bytes: its bytes, the table of its lines, its own names.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        self.bytes.len() + self.lines.len() * size_of::<Line>() + self.names.weight_bytes()
    }
}

struct Builder {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    names: FieldNamesBuilder,
}

impl Builder {
    fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(b"HTTP/1.1 ");
        bytes.extend_from_slice(status.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        bytes.extend_from_slice(b"\r\n");
        Self { bytes, lines: Vec::with_capacity(headers.len() + 4), names: FieldNamesBuilder::default() }
    }

    /// What differs because Larder coded the body: the coding, its tag, and that the answer depends on what the
    /// request accepts.
    fn coded_lines(&mut self, headers: &HeaderMap) {
        self.line(&CONTENT_ENCODING, &HeaderValue::from_static("gzip"), Views::AT_REST);
        if !names_accept_encoding(headers) {
            self.line(&VARY, &HeaderValue::from_static("accept-encoding"), Views::SENT);
        }
        // What is no valid tag names no representation, so it is not sent with another one.
        if let Some(tag) = EntityTag::of(headers) {
            self.line(&ETAG, &tag.coded().to_header_value(), Views::AT_REST);
        }
    }

    /// How many bytes there are. Heads are bounded far below 4 GiB where they are read.
    fn length(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn line(&mut self, name: &HeaderName, value: &HeaderValue, views: Views) {
        let Ok(value_bytes) = u32::try_from(value.len()) else { return };
        for part in [name.as_str().as_bytes(), NAME_END, value.as_bytes(), LINE_END] {
            self.bytes.extend_from_slice(part);
        }
        self.lines.push(Line { value_bytes, name: self.names.index_of(name), views });
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
