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
    within_time(DEADLINE, what, event).await
}

/// As [`within`], where what others do takes longer than [`DEADLINE`] on a busy machine.
///
/// # Panics
/// As [`within`] does.
pub async fn within_time<T>(deadline: Duration, what: impl std::fmt::Display, event: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(deadline, event).await;
    waited.unwrap_or_else(|_| panic!("waited {deadline:?} in vain for {what}"))
}
