//! The log's trait: one implementation for a lone instance, one (later) on a shared stream.

use super::purge::Purge;
use crate::stamp::Stamp;

/// A totally ordered log of purges.
#[async_trait::async_trait]
pub trait Log: std::fmt::Debug + Send + Sync + 'static {
    /// Appends a purge. When this returns, its place is settled.
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
