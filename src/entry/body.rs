//! The body of a stored response.

use bytes::Bytes;

/// How a stored body is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBody {
    /// As the origin sent it, in whatever Content-Encoding its head names.
    AsReceived(Bytes),
    /// Gzip-coded by Larder from an uncoded body.
    Gzipped {
        /// The gzip stream.
        gzip: Bytes,
        /// The length of the uncoded body, in bytes.
        identity_bytes: u64,
    },
}
