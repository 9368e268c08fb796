//! Where a response's body comes from.

use super::http2::Http2Body;
use crate::semantics::spelling::Spelling;

pub(super) enum Received {
    /// From the session itself; with how the names of the head's fields were spelt.
    Http1(Spelling),
    Http2(Http2Body),
}

impl Received {
    /// Tells a body of HTTP/2 how long it is; HTTP/1.1 is framed by that itself.
    pub(super) fn of_length(self, length: Option<u64>) -> Self {
        match self {
            Self::Http2(body) => Self::Http2(body.of_length(length)),
            framed @ Self::Http1(_) => framed,
        }
    }
}
