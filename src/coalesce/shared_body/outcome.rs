//! What a shared body is told, and what becomes of it.

use bytes::Bytes;
use http::HeaderMap;
use std::error::Error;
use std::sync::Arc;

/// Why a body ended before its end. Reaches every reader, so that each client sees a truncated message.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the body was cut short")]
pub struct Truncated {
    /// What cut it.
    #[source]
    pub cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The body ended, but not where its announced length said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{arrived} bytes arrived where {announced} were announced")]
pub struct LengthDiffers {
    /// The announced length, in bytes.
    pub announced: u64,
    /// What arrived, in bytes.
    pub arrived: u64,
}

/// Nobody reads the body any more, and it is too large to be stored: there is no use in going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all readers of the body are gone")]
pub struct AllReadersGone;

/// Why there is no complete body.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Incomplete {
    /// It was cut short.
    #[error(transparent)]
    Truncated(Truncated),
    /// Its beginning is not held any more: it grew past the retained size, or there was no room for it.
    #[error("the beginning of the body is not held any more")]
    NotRetained,
}

/// A complete body.
#[derive(Debug, Clone)]
pub struct CompleteBody {
    /// The bytes, in the pieces in which they came.
    pub pieces: Vec<Bytes>,
    /// Trailers, if any.
    pub trailers: Option<HeaderMap>,
}

/// Whether the whole body is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// All that arrived is held.
    Retained,
    /// The body grew past the retained size.
    Overrun,
    /// Bodies under way held too much in all.
    NoRoom,
    /// Nobody is left who could give it to another reader.
    Closed,
}

/// What a shared body is told at its beginning.
#[derive(Debug, Clone, Copy)]
pub struct SharedBodyOptions {
    /// The largest body that is held whole, in bytes.
    pub retained_bytes_max: u64,
}
