//! The log's trait: one implementation for a lone instance, one (later) on a shared stream.

use super::purge::Purge;
use crate::stamp::Stamp;

/// A totally ordered log of purges.
#[async_trait::async_trait]
pub trait Log: std::fmt::Debug + Send + Sync + 'static {
    /// Appends a purge. When this returns, its place is settled. Stamps rise: a call that begins after another has
    /// returned gets the higher one.
    ///
    /// # Errors
    /// Where the log can't take it now.
    async fn append(&self, purge: &Purge) -> Result<Stamp, LogError>;
}

/// Why the log took no purge.
#[derive(Debug, thiserror::Error)]
#[error("the invalidation log cannot take a purge now")]
pub struct LogError {
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl LogError {
    /// The log failed because of `cause`.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: cause.into() }
    }
}
