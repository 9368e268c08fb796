//! Heads as bytes ready to send.

use bytes::Bytes;

/// Status line and fields of an HTTP/1.1 answer from the cache, without Age, Cache-Status and the closing empty line.
#[derive(Debug, Clone)]
pub struct PreparedHead {
    /// For the body as received or, where it is gzip-coded at rest, for the gzip-coded body.
    pub at_rest: Bytes,
}
