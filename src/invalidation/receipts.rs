//! What a purge's caller gets back, and the memory of recent ones.

use crate::stamp::Stamp;

/// Where a purge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Names the purge in `GET /purges/{id}`.
    pub id: String,
    /// Its place in the log.
    pub stamp: Stamp,
    /// Instances that have applied it.
    pub applied: Vec<String>,
    /// Live instances that have not yet.
    pub pending: Vec<String>,
}
