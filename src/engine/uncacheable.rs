//! The keys whose answers are not shared, remembered for a short while so that their requests do not wait for one another.

use super::Engine;
use super::draft::NotStored;
use crate::plan::request::CacheableRequest;
use crate::semantics::reason::Reason;
use crate::semantics::reuse::MustValidate;
use crate::semantics::sharing::Shareability;

/// Why an answer is not shared with other requests for its key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Uncacheable {
    /// A look-up could not give it to them without validating it.
    MustValidate(MustValidate),
    /// It is not stored.
    NotStored(NotStored),
    /// Another instance found that its answer may not be shared.
    Elsewhere,
}

impl Uncacheable {
    /// Why an answer that may be stored is not shared, if so.
    pub(super) const fn of(shareability: Shareability) -> Option<Self> {
        match shareability {
            Shareability::Shared => None,
            Shareability::Alone(why) => Some(Self::MustValidate(why)),
        }
    }
}

impl From<Uncacheable> for Reason {
    fn from(why: Uncacheable) -> Self {
        match why {
            Uncacheable::MustValidate(why) => why.into(),
            Uncacheable::NotStored(why) => why.into(),
            Uncacheable::Elsewhere => Self::LeaderUncacheable,
        }
    }
}

impl Engine {
    /// Remembers that answers for the request's key are not shared, unless that holds for this request alone.
    pub(super) fn remember_uncacheable(&self, request: &CacheableRequest, why: Uncacheable) {
        let key = match why {
            Uncacheable::NotStored(NotStored::Request(_)) => return,
            Uncacheable::NotStored(NotStored::UndecidedCookies) => request.undecided_key(),
            _ => request.flight_key(None),
        };
        self.uncacheable.remember(&key, why, self.now());
    }

    /// Why answers for the request's key are not shared, if that was found lately.
    pub(super) fn recall_uncacheable(&self, request: &CacheableRequest) -> Option<Uncacheable> {
        let now = self.now();
        request.uncacheable_keys().find_map(|key| self.uncacheable.recall(&key, now))
    }
}
