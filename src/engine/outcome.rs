//! How a request was decided.

use super::storing::Storing;
pub use crate::plan::outcome::Outcome;
use crate::scope::RouteName;
use crate::semantics::cache_status::CacheStatus;
use crate::semantics::reason::Reason;

/// How a request was decided: one value for Cache-Status, log, metric and explain.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The outcome.
    pub outcome: Outcome,
    /// The deciding reason.
    pub reason: Reason,
    /// The route that matched, if any.
    pub route: Option<RouteName>,
    /// The Cache-Status of the response; `None` if neither the cache nor the origin was asked.
    pub cache_status: Option<CacheStatus>,
    /// Whether the origin's answer was stored, for the one that it was fetched for; `None` if none came that could be.
    pub storing: Option<Storing>,
}
