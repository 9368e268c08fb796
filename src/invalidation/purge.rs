//! A purge: scopes, depth, source.

pub use crate::scope::Depth;
use crate::scope::Scope;
use std::collections::HashSet;

/// The most scopes that one call may name, and the most in one entry of the log.
pub(crate) const SCOPES_MAX: usize = 10_000;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeSource {
    /// The admin API.
    Admin,
    /// A successful unsafe request through the proxy, RFC 9111 section 4.4.
    UnsafeRequest,
    /// An event.
    Event,
    /// Another instance, whatever its source was; in a receipt, a source that this version does not know.
    Fleet,
}

impl PurgeSource {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Admin, Self::UnsafeRequest, Self::Event, Self::Fleet];

    /// The stable label in metrics and receipts.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::UnsafeRequest => "unsafe_request",
            Self::Event => "event",
            Self::Fleet => "fleet",
        }
    }
}

/// One purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// What it covers, at least one scope.
    pub scopes: Vec<Scope>,
    /// How deep.
    pub depth: Depth,
    /// Who asked.
    pub source: PurgeSource,
}

/// Why scopes make no purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PurgeError {
    /// There is none.
    #[error("a purge must name at least one scope")]
    Empty,
    /// There are more than [`SCOPES_MAX`].
    #[error("a purge cannot name more than {SCOPES_MAX} scopes")]
    TooMany,
}

impl Purge {
    /// Checks what someone outside asked for: at least one scope, not too many; repeated ones count once.
    ///
    /// # Errors
    /// Where there is no scope, or more than [`SCOPES_MAX`] different ones.
    pub fn new(scopes: Vec<Scope>, depth: Depth, source: PurgeSource) -> Result<Self, PurgeError> {
        let scopes = distinct(scopes);
        match scopes.len() {
            0 => Err(PurgeError::Empty),
            count if count > SCOPES_MAX => Err(PurgeError::TooMany),
            _ => Ok(Self { scopes, depth, source }),
        }
    }
}

/// Each scope once, in the order of their first places.
pub(crate) fn distinct(mut scopes: Vec<Scope>) -> Vec<Scope> {
    let mut seen = HashSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(count: usize) -> Vec<Scope> {
        (0..count).map(|n| Scope::Url(format!("/{n}").into())).collect()
    }

    #[test]
    fn a_purge_names_between_one_and_ten_thousand_different_scopes() {
        let ask = |scopes| Purge::new(scopes, Depth::Hard, PurgeSource::Admin).map(|purge| purge.scopes.len());
        assert_eq!(ask(vec![]), Err(PurgeError::Empty));
        assert_eq!(ask(urls(1)), Ok(1));
        assert_eq!(ask(urls(SCOPES_MAX)), Ok(SCOPES_MAX));
        assert_eq!(ask(urls(SCOPES_MAX + 1)), Err(PurgeError::TooMany));
        assert_eq!(ask(vec![Scope::All; 3]), Ok(1));
    }
}
