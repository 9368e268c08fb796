//! A body that one task writes and many read while it grows.
//!
//! The writer never waits for readers up to the retained size; past it (the body can't be stored any more, so no new
//! reader may come) the part that all readers have passed is dropped, and the writer waits for the slowest.

use bytes::Bytes;
use http::HeaderMap;
use std::sync::Arc;

/// Why a body ended before its end. Reaches every reader, so that each client sees a truncated message.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the body was cut short")]
pub struct Truncated {
    /// What cut it.
    #[source]
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// A complete body.
#[derive(Debug, Clone)]
pub struct CompleteBody {
    /// The bytes, in the pieces in which they came.
    pub pieces: Vec<Bytes>,
    /// Trailers, if any.
    pub trailers: Option<HeaderMap>,
}

/// The growing body; clone it to read it elsewhere.
#[derive(Debug, Clone)]
pub struct SharedBody {}
