//! The log of an instance that stands alone: a counter, for nobody else reads it.

use super::log::{Log, LogError};
use super::purge::Purge;
use crate::stamp::Stamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts purges. The log dies with the process, and so does all that it could cover.
#[derive(Debug, Default)]
pub struct LocalLog {
    count: AtomicU64,
}

impl LocalLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait::async_trait]
impl Log for LocalLog {
    async fn append(&self, _purge: &Purge) -> Result<Stamp, LogError> {
        // Relaxed: the counter orders its own values, and publishes nothing else.
        Ok(Stamp::local(self.count.fetch_add(1, Ordering::Relaxed).saturating_add(1)))
    }
}
