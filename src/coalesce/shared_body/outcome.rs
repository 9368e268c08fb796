//! How a shared body can end.

use std::error::Error;
use std::sync::Arc;

/// Why a body ended before its end. Reaches every reader, so that each client sees a truncated message.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the body was cut short")]
pub(crate) struct Truncated {
    /// What cut it.
    #[source]
    pub(crate) cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// Nobody reads the body any more, and it is too large to be stored: there is no use in going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all readers of the body are gone")]
pub(crate) struct AllReadersGone;

/// Whether the whole body is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// All that arrived is held.
    Retained,
    /// The body grew past the retained size.
    Overrun,
    /// Bodies under way held too much in all.
    NoRoom,
    /// Nobody is left who could give it to another reader.
    Closed,
}
