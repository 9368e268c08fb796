//! The field lines of the request before, and what they came to.
//!
//! A client repeats its fields word for word on a connection; only the request line changes. So they are read once, and
//! compared as bytes after that.

use crate::engine::fast_path::PlainHeaders;
use crate::engine::{Handler, RequestContext};
use crate::proxy::entrance::Entrance;
use crate::proxy::http1::head::{Framing, Head, Next, Persistence};
use crate::proxy::https_policy::OwnFields;
use crate::proxy::socket::ConnectionFacts;
use crate::semantics::network::Network;
use crate::semantics::spelling::Spelling;
use crate::semantics::trust::{Way, X_REQUEST_ID};
use http::Version;
use http::header::HOST;

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
    pub(super) headers: PlainHeaders,
    /// How their names were spelt.
    pub(super) spelling: Spelling,
    pub(super) way: Way,
    /// As what the client is counted.
    pub(super) counted: Option<Network>,
    /// What the client gets besides.
    pub(super) own_fields: OwnFields,
}

/// Who reads the lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a, H> {
    pub(super) handler: &'a H,
    pub(super) entrance: &'a Entrance,
    /// What is known of the connection.
    pub(super) facts: &'a ConnectionFacts,
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
        self.plain = if is_simple(head) { reader.plain(head) } else { None };
        self.bytes = lines.into();
        Some(())
    }
}

/// Whether the fields of a head leave only what is asked for to be judged.
fn is_simple(head: &Head) -> bool {
    head.framing == Framing::None
        && head.next == Next::Request
        && head.version == Version::HTTP_11
        && head.persistence == Persistence::Persists
}

impl<H: Handler> Reader<'_, H> {
    /// What these fields come to behind the door, as [`Entrance::let_in`] has it, where they are plain.
    fn plain(&self, head: &Head) -> Option<Plain> {
        let mut headers = head.fields.clone();
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
        let own_fields = self.entrance.own_fields(&way.scheme, self.facts);
        let counted = self.entrance.trust.counted(way.client);
        let headers = self.handler.plain_headers(headers, &context)?;
        Some(Plain { headers, spelling: Spelling::of(head.whole.clone()), way, counted, own_fields })
    }
}
