//! The field lines of the request before, and what they came to.
//!
//! A client repeats its fields word for word on a connection; only the request line changes. So they are read once, and
//! compared as bytes after that.

use crate::engine::Handler;
use crate::proxy::http1::head::{Framing, Head, Next, Persistence};
use crate::proxy::plain_fields::{PlainFields, Reader};
use crate::semantics::spelling::Spelling;
use http::{Request, Uri, Version};

/// Longer ones are never plain: what a connection remembers stays small.
const BYTES_MAX: usize = 4096;

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
    pub(super) fields: PlainFields,
    /// How their names were spelt.
    pub(super) spelling: Spelling,
}

impl KnownFields {
    /// What the lines of the last request came to, where they are plain.
    pub(super) const fn plain(&self) -> Option<&Plain> {
        self.plain.as_ref()
    }

    /// Their length with the empty line that ends them, where `lines` begins with the same.
    pub(super) fn length_in(&self, lines: &[u8]) -> Option<usize> {
        (!self.bytes.is_empty() && lines.starts_with(&self.bytes)).then_some(self.bytes.len())
    }

    /// Remembers the lines of a head; `None` if they are too long.
    pub(super) fn learn<H: Handler>(&mut self, lines: &[u8], head: &Head, reader: &Reader<'_, H>) -> Option<()> {
        if lines.len() > BYTES_MAX {
            return None;
        }
        self.plain = is_simple(head).then(|| plain(head, reader)).flatten();
        self.bytes = lines.into();
        Some(())
    }
}

/// What the fields of a head come to, where they are plain.
fn plain<H: Handler>(head: &Head, reader: &Reader<'_, H>) -> Option<Plain> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("/");
    *request.headers_mut() = head.fields.clone();
    Some(Plain { fields: reader.plain(request)?, spelling: Spelling::of(head.whole.clone()) })
}

/// Whether the fields of a head leave only what is asked for to be judged.
fn is_simple(head: &Head) -> bool {
    head.framing == Framing::None
        && head.next == Next::Request
        && head.version == Version::HTTP_11
        && head.persistence == Persistence::Persists
}
