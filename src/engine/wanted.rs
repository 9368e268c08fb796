//! What is asked of the origin for a request, and by which fields.

use crate::entry::Entry;
use crate::plan::request::CacheableRequest;
use crate::semantics::conditional::validation_fields;
use crate::semantics::partial::{completing_range, if_range};
use crate::semantics::reuse::OnOriginFailure;
use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::Arc;

/// What is asked of the origin.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// The whole response.
    Whole,
    /// Confirmation of what is stored, or the whole response.
    Validation(Arc<Entry>, OnOriginFailure),
    /// The bytes that the client's Range names.
    ClientRange,
    /// What the stored part misses.
    Rest(Arc<Entry>),
    /// The head only.
    Head(Option<OnOriginFailure>),
}

impl Wanted {
    /// The method by which it is asked for.
    pub(super) const fn method(&self) -> Method {
        if matches!(self, Self::Head(_)) { Method::HEAD } else { Method::GET }
    }
}

/// The fields of a fetch for a request that asks for this.
pub(super) fn asking_fields(request: &CacheableRequest, wanted: &Wanted) -> HeaderMap {
    let mut headers = request.fetch_headers();
    match wanted {
        Wanted::Whole | Wanted::Head(_) => {}
        Wanted::Validation(stored, _) => headers.extend(validation_fields(&stored.headers())),
        Wanted::ClientRange => {
            for name in [RANGE, IF_RANGE] {
                if let Some(value) = request.headers.get(&name) {
                    headers.insert(name, value.clone());
                }
            }
        }
        Wanted::Rest(stored) => headers.extend(completing_fields(stored).into_iter().flatten()),
    }
    headers
}

/// The fields that ask for what a stored part misses; none where it can't be completed at once.
///
/// Without a strong validator no answer can be joined to the part, and the whole is asked for next; but origins that take
/// no ranges send it at once, and the part is replaced either way, so this costs an exchange at most once.
pub(super) fn completing_fields(stored: &Entry) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let range = completing_range(&stored.part()?)?;
    let condition = if_range(&stored.headers()).map(|tag| (IF_RANGE, tag));
    Some([(RANGE, range)].into_iter().chain(condition).collect())
}
