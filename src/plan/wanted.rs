//! What is asked of the origin, and by which fields.

use super::request::CacheableRequest;
use super::serving::{Ask, Serving, Usable, WhyAsked};
use crate::entry::Entry;
use crate::invalidation::Standing;
use crate::semantics::conditional::validation_fields;
use crate::semantics::partial::{completing_range, if_range};
use crate::semantics::reuse::OnOriginFailure;
use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::Arc;

/// What is asked of the origin.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// The whole response.
    Whole,
    /// Confirmation of what is stored, or the whole response.
    Validation(Arc<Entry>, OnOriginFailure),
    /// The bytes that the client's Range names.
    ClientRange,
    /// What the stored part misses.
    Rest(Arc<Entry>),
    /// The head only; what is stored may be served in its place.
    Head(Option<(Arc<Entry>, OnOriginFailure)>),
}

impl Wanted {
    /// The method by which it is asked for.
    pub(crate) fn method(&self, request: &CacheableRequest) -> Method {
        if matches!(self, Self::Head(_)) { Method::HEAD } else { request.fetch_method() }
    }

    /// By a client whose request the origin is asked for.
    pub(crate) fn of(request: &CacheableRequest, ask: &Ask) -> Self {
        let ranged = request.method == Method::GET && request.headers.contains_key(RANGE);
        match &ask.stored {
            stored if request.method == Method::HEAD => Self::Head(stored.clone()),
            Some((stored, on_failure)) if stored.part().is_none() => Self::Validation(Arc::clone(stored), *on_failure),
            Some((stored, _)) if !ranged && ask.why == WhyAsked::PartStored && completing_fields(stored).is_some() => {
                Self::Rest(Arc::clone(stored))
            }
            _ if ranged => Self::ClientRange,
            _ => Self::Whole,
        }
    }

    /// By nobody, to refresh what is served meanwhile; `None` if that needs no refresh.
    pub(crate) fn meanwhile(served: &Usable) -> Option<Self> {
        let is_refreshed = match served.how {
            Serving::RefreshAhead | Serving::StaleWhileRevalidate | Serving::InPlaceOf(_) => true,
            Serving::Fresh | Serving::FromSharedTier | Serving::MaxStale | Serving::Held(_) => false,
        };
        let is_whole = served.entry.part().is_none();
        (is_refreshed && is_whole).then(|| Self::Validation(Arc::clone(&served.entry), OnOriginFailure::ServeStale))
    }

    /// By nobody, to have again what purges took; `None` if they took nothing.
    pub(crate) fn after_purge(stored: &Arc<Entry>, standing: Standing) -> Option<Self> {
        match standing {
            Standing::Clear => None,
            Standing::Purged => Some(Self::Whole),
            // Nobody waits for it, so nothing stands in for a failed answer.
            Standing::SoftPurged | Standing::Unproven => {
                Some(Self::Validation(Arc::clone(stored), OnOriginFailure::Fail))
            }
        }
    }

    /// The stored response that is to be confirmed or completed, if any.
    pub(crate) const fn stored(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Validation(stored, _) | Self::Rest(stored) => Some(stored),
            Self::Whole | Self::ClientRange | Self::Head(_) => None,
        }
    }

    /// Leaves of it what purges allow by now: what a hard one took is neither confirmed nor completed, but fetched whole.
    pub(crate) fn allow(&mut self, standing: impl Fn(&Entry) -> Standing) {
        if let Self::Validation(stored, _) | Self::Rest(stored) = self
            && standing(stored) == Standing::Purged
        {
            *self = Self::Whole;
        }
    }

    /// Whether what is stored may be served stale rather than to wait for one's turn.
    pub(crate) fn may_be_served_stale(&self, standing: impl Fn(&Entry) -> Standing) -> bool {
        match self {
            Self::Validation(_, OnOriginFailure::Fail) | Self::Head(Some((_, OnOriginFailure::Fail))) => false,
            Self::Validation(stored, _) | Self::Head(Some((stored, _))) => standing(stored) < Standing::Unproven,
            _ => false,
        }
    }

    /// The fields of a fetch for a request that asks for this.
    pub(crate) fn fields(&self, request: &CacheableRequest) -> HeaderMap {
        let mut headers = request.fetch_headers();
        match self {
            Self::Whole | Self::Head(_) => {}
            // What an origin says of a condition on it is an error, not a confirmation.
            Self::Validation(..) if request.body.as_ref().is_some_and(|body| !body.may_be_validated()) => {}
            Self::Validation(stored, _) => headers.extend(validation_fields(&stored.headers())),
            Self::ClientRange => {
                for name in [RANGE, IF_RANGE] {
                    if let Some(value) = request.headers.get(&name) {
                        headers.insert(name, value.clone());
                    }
                }
            }
            Self::Rest(stored) => headers.extend(completing_fields(stored).into_iter().flatten()),
        }
        headers
    }
}

/// The fields that ask for what a stored part misses; `None` if it can't be completed at once.
///
/// Without a strong validator no answer can be joined to the part, and the whole is asked for next; but origins that take
/// no ranges send it at once, and the part is replaced either way, so this costs an exchange at most once.
fn completing_fields(stored: &Entry) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let range = completing_range(&stored.part()?)?;
    let condition = if_range(&stored.headers()).map(|tag| (IF_RANGE, tag));
    Some([(RANGE, range)].into_iter().chain(condition).collect())
}
