//! Why the origin gave no usable answer.

use super::origin::OriginError;
use crate::plan::serving::Failing;
use crate::semantics::reason::Reason;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::sync::Arc;

/// Why the origin gave no usable answer.
#[derive(Debug)]
pub(super) struct OriginFailure {
    /// The reason.
    pub(super) reason: Reason,
    /// The status of an error answer; none where no answer came.
    pub(super) status: Option<StatusCode>,
    /// When an error answer asks to be asked again.
    pub(super) retry_after: Option<HeaderValue>,
    /// What lies beneath.
    pub(super) cause: Option<Arc<OriginError>>,
}

impl OriginFailure {
    /// A failure without an answer.
    pub(super) const fn of(reason: Reason) -> Self {
        Self { reason, status: None, retry_after: None, cause: None }
    }

    /// What it is to something stale that may be served in its place.
    pub(super) const fn failing(&self) -> Failing {
        match self.reason {
            Reason::MissLimit => Failing::Busy,
            Reason::CoalesceWaitOver => Failing::Slow,
            _ if self.status.is_some() => Failing::Answers,
            _ => Failing::Unreachable,
        }
    }

    /// An answer that says no more than that the origin failed.
    pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap) -> Self {
        let retry_after = headers.get(RETRY_AFTER).cloned();
        Self { reason: Reason::UpstreamErrorStatus, status: Some(status), retry_after, cause: None }
    }
}

impl From<OriginError> for OriginFailure {
    fn from(error: OriginError) -> Self {
        Self { reason: error.reason, status: None, retry_after: None, cause: Some(Arc::new(error)) }
    }
}
