//! Who has a request answered, and how long that may take.

use super::exchange::{Deadline, Terms};
use super::origin_failure::OriginFailure;
use super::traced::Traced;
use crate::clients::Place;
use crate::plan::request::CacheableRequest;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Who has a request answered.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "each lies in an Arc of its own")]
pub(super) enum Requester {
    /// A client that waits for its answer.
    Client {
        /// Its request.
        request: CacheableRequest,
        /// What the origin is asked with on its behalf.
        terms: Terms,
        /// Until when the head of its answer is waited for.
        deadline: Instant,
        /// Its place among those of its client that wait.
        place: Option<Arc<Place>>,
    },
    /// Nobody: what is stored is refreshed, or fetched before anyone asks.
    Refresh(Arc<CacheableRequest>),
}

impl Deref for Requester {
    type Target = CacheableRequest;

    fn deref(&self) -> &CacheableRequest {
        match self {
            Self::Client { request, .. } => request,
            Self::Refresh(request) => request,
        }
    }
}

impl Requester {
    /// So long, and not past the deadline.
    pub(super) fn at_most(&self, wait: Duration) -> Duration {
        match self {
            Self::Client { deadline, .. } => wait.min(deadline.saturating_duration_since(Instant::now())),
            Self::Refresh(_) => wait,
        }
    }

    /// Why a wait of [`Self::at_most`] timed out: the deadline has passed or, if not, this.
    pub(super) fn timed_out(&self, wait: OriginFailure) -> OriginFailure {
        match self {
            Self::Client { deadline, .. } if *deadline <= Instant::now() => OriginFailure::DeadlinePassed,
            _ => wait,
        }
    }

    /// Its place among those of its client that wait.
    pub(super) fn place(&self) -> Option<Arc<Place>> {
        match self {
            Self::Client { place, .. } => place.clone(),
            Self::Refresh(_) => None,
        }
    }

    /// As what it is traced, if it is.
    pub(super) fn traced(&self) -> Option<&Traced> {
        match self {
            Self::Client { terms, .. } => terms.traced.as_deref(),
            Self::Refresh(_) => None,
        }
    }

    /// Lets the response be silent for as long as it likes, if it is a stream of events.
    pub(super) fn allow_quiet(&self) {
        if let Self::Client { terms, .. } = self {
            terms.quiet.allow();
        }
    }

    /// On which terms the origin is asked for it; `patience` is how long an answer to a refresh is waited for.
    pub(super) fn terms(&self, patience: Duration) -> Terms {
        let (terms, deadline) = match self {
            Self::Client { terms, deadline, .. } => (terms.clone(), Deadline::At(*deadline)),
            Self::Refresh(_) => (Terms::default(), Deadline::AfterUpload(patience)),
        };
        let (pool, host) = (self.route.to_origin.pool.clone(), self.route.to_origin.host.clone());
        let (key, read_timeout) = (Some(self.key.clone()), self.route.read_timeout);
        Terms { pool, key, host, deadline: Some(deadline), read_timeout, ..terms }
    }
}
