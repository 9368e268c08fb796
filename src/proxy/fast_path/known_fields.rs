//! The field lines of the request before, and what they came to.
//!
//! A client repeats its fields word for word on a connection; only the request line changes. So they are read once, and
//! compared as bytes after that.

use crate::engine::fast_path::PlainHeaders;
use crate::engine::{Handler, RequestContext};
use crate::proxy::entrance::Entrance;
use crate::proxy::guard::head::{self, Framing, HeadLimits, MinorVersion, Next};
use crate::proxy::socket::ConnectionFacts;
use crate::semantics::trust::{Way, X_REQUEST_ID};
use http::header::HOST;
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
    plain: Option<Plain>,
}

/// What plain lines came to.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) headers: PlainHeaders,
    pub(super) way: Way,
    /// What the client is told in Strict-Transport-Security.
    pub(super) hsts: Option<HeaderValue>,
}

/// Who reads the lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a, H> {
    pub(super) handler: &'a H,
    pub(super) entrance: &'a Entrance,
    pub(super) limits: &'a HeadLimits,
    /// What is known of the connection.
    pub(super) facts: &'a ConnectionFacts,
}

/// Plain field lines.
pub(super) struct Fields<'a> {
    /// Their length, with the empty line that ends them.
    pub(super) bytes: usize,
    pub(super) plain: &'a Plain,
}

impl KnownFields {
    /// The lines of the last request, where they are plain.
    pub(super) const fn plain(&self) -> Option<&Plain> {
        self.plain.as_ref()
    }

    /// The field lines that begin at `start` in `buffer`, behind a valid request line; none where they are not whole,
    /// not valid or not plain.
    pub(super) fn fields<H: Handler>(
        &mut self,
        buffer: &[u8],
        start: usize,
        reader: &Reader<'_, H>,
    ) -> Option<Fields<'_>> {
        let rest = buffer.get(start..)?;
        if self.bytes.is_empty() || !rest.starts_with(&self.bytes) {
            self.read(buffer, rest, reader)?;
        }
        Some(Fields { bytes: self.bytes.len(), plain: self.plain.as_ref()? })
    }

    /// Reads and remembers the lines; none where they are not whole or may not be remembered.
    fn read<H: Handler>(&mut self, buffer: &[u8], rest: &[u8], reader: &Reader<'_, H>) -> Option<()> {
        let within = rest.get(..rest.len().min(BYTES_MAX))?;
        // A request line without fields has no Host.
        let bytes = memchr::memmem::find(within, END)? + END.len();
        let lines = within.get(..bytes)?;
        let head = head::read_head(buffer, reader.limits).ok()??;
        let is_simple =
            head.framing == Framing::None && head.next == Next::Request && head.version == MinorVersion::One;
        self.plain =
            if is_simple { headers(lines, reader.limits).and_then(|headers| reader.plain(headers)) } else { None };
        self.bytes = lines.into();
        Some(())
    }
}

impl<H: Handler> Reader<'_, H> {
    /// What these fields come to behind the door, as [`Entrance::let_in`] has it, where they are plain.
    fn plain(&self, mut headers: HeaderMap) -> Option<Plain> {
        let way = self.entrance.trust.way(self.facts.peer.ip(), &self.facts.scheme, &headers);
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        if self.facts.is_misdirected(host) || self.entrance.https.may_redirect(&way.scheme) {
            return None;
        }
        self.entrance.clean(&mut headers, &way, self.facts);
        // An id is one request's own; these fields may be those of many.
        headers.remove(X_REQUEST_ID);
        let context = RequestContext {
            proxies: way.proxies.clone(),
            ..RequestContext::direct(way.scheme.clone(), Some(way.client))
        };
        let hsts = self.entrance.https.hsts(&way.scheme).cloned();
        Some(Plain { headers: self.handler.plain_headers(headers, &context)?, way, hsts })
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
