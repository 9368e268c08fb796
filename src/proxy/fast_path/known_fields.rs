//! The field lines of the request before, and what they came to.
//!
//! A client repeats its fields word for word on a connection; only the request line changes. So they are read once, and
//! compared as bytes after that.

use crate::engine::ready::PlainHeaders;
use crate::proxy::guard::head::{self, Framing, HeadLimits, MinorVersion, Next};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Longer ones are never plain: what a connection remembers stays small.
const BYTES_MAX: usize = 4096;

/// Ends the field lines.
const END: &[u8] = b"\r\n\r\n";

/// What one connection's last request had.
#[derive(Debug, Default)]
pub(super) struct KnownFields {
    /// The lines with the empty line that ends them; empty where none is known.
    bytes: Box<[u8]>,
    headers: Option<PlainHeaders>,
}

/// Plain field lines.
pub(super) struct Fields<'a> {
    /// Their length, with the empty line that ends them.
    pub(super) bytes: usize,
    pub(super) headers: &'a PlainHeaders,
}

impl KnownFields {
    /// The headers of the last request, where they are plain.
    pub(super) const fn headers(&self) -> Option<&PlainHeaders> {
        self.headers.as_ref()
    }

    /// The field lines that begin at `start` in `buffer`, behind a valid request line; none where they are not whole,
    /// not valid or not plain.
    pub(super) fn fields(&mut self, buffer: &[u8], start: usize, limits: &HeadLimits) -> Option<Fields<'_>> {
        let rest = buffer.get(start..)?;
        if self.bytes.is_empty() || !rest.starts_with(&self.bytes) {
            self.read(buffer, rest, limits)?;
        }
        Some(Fields { bytes: self.bytes.len(), headers: self.headers.as_ref()? })
    }

    /// Reads and remembers the lines; none where they are not whole or may not be remembered.
    fn read(&mut self, buffer: &[u8], rest: &[u8], limits: &HeadLimits) -> Option<()> {
        let within = rest.get(..rest.len().min(BYTES_MAX))?;
        // A request line without fields has no Host.
        let bytes = memchr::memmem::find(within, END)? + END.len();
        let lines = within.get(..bytes)?;
        let head = head::read_head(buffer, limits).ok()??;
        let is_simple =
            head.framing == Framing::None && head.next == Next::Request && head.version == MinorVersion::One;
        self.headers = if is_simple {
            headers(lines, limits).and_then(|headers| PlainHeaders::of(headers, &Scheme::HTTP))
        } else {
            None
        };
        self.bytes = lines.into();
        Some(())
    }
}

/// Valid field lines as fields, as hyper would make them.
fn headers(lines: &[u8], limits: &HeadLimits) -> Option<HeaderMap> {
    let mut slots = vec![httparse::EMPTY_HEADER; limits.fields];
    let httparse::Status::Complete((_, fields)) = httparse::parse_headers(lines, &mut slots).ok()? else {
        return None;
    };
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.try_append(name, HeaderValue::from_bytes(field.value).ok()?).ok()?;
    }
    Some(headers)
}
