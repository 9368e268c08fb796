//! Why the origin gave no usable answer.

use super::origin::{OriginError, OriginErrorKind};
use crate::plan::serving::Failing;
use crate::rules::lifetime::LifetimeRule;
use crate::semantics::reason::Reason;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::sync::Arc;

/// Why the origin gave no usable answer.
#[derive(Debug)]
pub(super) enum OriginFailure {
    /// It answered with an error.
    Answer {
        /// The status.
        status: StatusCode,
        /// When it wants to be asked again.
        retry_after: Option<HeaderValue>,
    },
    /// No answer came.
    Error(Arc<OriginError>),
    /// The request's deadline passed before there was an answer.
    DeadlinePassed,
    /// The fetch took longer than `coalesce_wait`.
    Slow,
    /// As many fetches are under way as `miss_limit` allows.
    Busy,
    /// As many requests of this client wait as `limits.per_client` allows.
    ClientBusy,
    /// The fetch ended without a result.
    Gone,
}

impl OriginFailure {
    /// An error answer.
    pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap) -> Self {
        Self::Answer { status, retry_after: headers.get(RETRY_AFTER).cloned() }
    }

    /// Which stale responses may be served in its place.
    pub(super) fn failing(&self) -> Failing {
        match self {
            Self::Answer { .. } => Failing::Answers,
            Self::Error(error) if error.kind == OriginErrorKind::Full => Failing::Full,
            Self::Error(_) | Self::DeadlinePassed | Self::Gone => Failing::Unreachable,
            Self::Slow => Failing::Slow,
            Self::Busy => Failing::Busy,
            Self::ClientBusy => Failing::ClientBusy,
        }
    }

    /// The status of an error answer.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Answer { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether it says that other requests for the same key would fail, too.
    pub(super) fn is_of_origin(&self, rule: &LifetimeRule) -> bool {
        match self {
            Self::Answer { status, .. } => rule.is_failure(*status),
            Self::Error(error) => matches!(
                error.kind,
                OriginErrorKind::NoServer
                    | OriginErrorKind::Connect
                    | OriginErrorKind::Certificate
                    | OriginErrorKind::Tls
                    | OriginErrorKind::TlsAlert
                    | OriginErrorKind::Timeout
                    | OriginErrorKind::Closed
                    | OriginErrorKind::Invalid
            ),
            Self::DeadlinePassed | Self::Slow => true,
            Self::Busy | Self::ClientBusy | Self::Gone => false,
        }
    }

    /// Its label.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Answer { .. } => Reason::UpstreamErrorStatus,
            Self::Error(error) => error.reason(),
            Self::DeadlinePassed => Reason::UpstreamTimeout,
            Self::Slow => Reason::CoalesceWaitOver,
            Self::Busy => Reason::MissLimit,
            Self::ClientBusy => Reason::ClientMisses,
            Self::Gone => Reason::LeaderGone,
        }
    }
}

impl From<OriginError> for OriginFailure {
    fn from(error: OriginError) -> Self {
        Self::Error(Arc::new(error))
    }
}
