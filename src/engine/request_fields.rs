//! The fields of a client's request on their way to the origin. Requests that are alike on a connection share them, made once as
//! the origin is sent them.

use crate::semantics::forwarding::set_for_next_hop;
use crate::semantics::spelling::Spelling;
use http::header::HOST;
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;

/// Where the fields of a request are.
#[derive(Debug, Clone)]
pub enum RequestFields {
    /// In the request, with their names spelt so.
    Own(Spelling),
    /// Here: the request has none but those that are its own. It has no body.
    Shared(Arc<SharedFields>),
}

impl Default for RequestFields {
    fn default() -> Self {
        Self::Own(Spelling::default())
    }
}

impl RequestFields {
    /// Those that are shared, if any are.
    pub(crate) fn shared(&self) -> Option<&SharedFields> {
        match self {
            Self::Own(_) => None,
            Self::Shared(shared) => Some(shared),
        }
    }

    /// Has all of them be in the request, whose own are `headers`.
    pub(crate) fn put_into(&mut self, headers: &mut HeaderMap) {
        let Self::Shared(shared) = self else { return };
        let own = std::mem::replace(headers, HeaderMap::clone(&shared.headers));
        headers.insert(HOST, shared.host.clone());
        headers.extend(own);
        *self = Self::Own(shared.spelling.clone());
    }
}

/// Fields that requests share, none of which concerns a body, a condition or another protocol.
#[derive(Debug)]
pub struct SharedFields {
    headers: Arc<HeaderMap>,
    host: HeaderValue,
    spelling: Spelling,
    /// As they are sent on, without the empty line that ends a head.
    lines: Box<[u8]>,
}

impl SharedFields {
    /// These fields, into which is written which way their requests came, sent on for this host.
    pub(super) fn new(headers: &Arc<HeaderMap>, host: HeaderValue, spelling: &Spelling) -> Self {
        let mut sent = HeaderMap::clone(headers);
        if sent.get(HOST) != Some(&host) {
            sent.insert(HOST, host.clone());
        }
        set_for_next_hop(&mut sent);
        let mut lines = Vec::new();
        for (name, value) in &sent {
            spelling.put_line(name, value, &mut lines);
        }
        Self { headers: Arc::clone(headers), host, spelling: spelling.clone(), lines: lines.into() }
    }

    /// What the client sent, and which way it came.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The host that is sent.
    pub(crate) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The lines that are sent.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }
}
