//! Where a response's body comes from.

use super::http2::Http2Body;
use crate::engine::exchange::Came;

pub(super) enum Received {
    /// From the session itself; with how the head came.
    Http1(Came),
    Http2(Http2Body),
}
