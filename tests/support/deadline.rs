//! Every wait ends: with what was waited for, or with a failure that names it.

use std::future::Future;
use std::time::Duration;

/// Long enough for two busy cores, short enough for a person.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for `event`.
///
/// # Panics
/// Where the deadline passes first; the message says what was waited for.
pub async fn within<T>(what: impl std::fmt::Display, event: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, event).await;
    waited.unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain for {what}"))
}
