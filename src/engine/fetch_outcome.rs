//! What a fetch brings back: to the request that began it, and to those that share it.

use super::draft::Draft;
use super::origin_failure::OriginFailure;
use crate::coalesce::shared_body::{SharedBody, SharedBodyReader};
use crate::engine::origin::Body;
use crate::engine::storing::{StoreOutcome, Storing};
use crate::entry::Entry;
use crate::plan::serving::Usable;
use crate::semantics::reason::Reason;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// What a leader announces to those who share its fetch. Cheap to clone.
#[derive(Clone)]
pub(super) enum FetchOutcome {
    /// A response that is being stored while its body grows.
    Streaming(Arc<Draft>, SharedBody),
    /// The stored response, confirmed or completed by an answer of this status.
    Confirmed(Arc<Entry>, StatusCode),
    /// The shared tier had it: it is in memory now.
    Stored,
    /// No usable answer, where those who share the fetch may have something stale.
    Failed(Arc<OriginFailure>),
}

/// What one request takes from a fetch.
pub(super) enum Fetched {
    /// A response that is being stored.
    Streaming {
        /// The response.
        draft: Arc<Draft>,
        /// Its headers for this request: the stored ones, or more for the one that fetched.
        headers: HeaderMap,
        /// The body from its beginning.
        reader: SharedBodyReader,
        /// Whether it was stored, for the one that fetched.
        storing: Option<Storing>,
    },
    /// The stored response, confirmed or completed by an answer of this status; and whether it was stored so, for the one
    /// that fetched.
    Confirmed(Arc<Entry>, StatusCode, Option<StoreOutcome>),
    /// What the shared tier had.
    Stored(Usable),
    /// No usable answer.
    Failed(Arc<OriginFailure>),
    /// A response for the one that fetched alone, and why it is not stored.
    Private(http::Response<Body>, Reason),
}
