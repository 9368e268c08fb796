//! The names of keys in Redis, all below one namespace. The contract fixes those that others use.

use std::fmt;
use std::sync::Arc;

/// The namespace of one fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Arc<str>);

impl Names {
    /// Names below `namespace`.
    #[must_use]
    pub fn below(namespace: &str) -> Self {
        Self(namespace.into())
    }

    /// The invalidation log, a stream.
    #[must_use]
    pub fn purges(&self) -> String {
        format!("{self}:purges")
    }

    /// What other systems say has changed, a stream.
    #[must_use]
    pub fn events(&self) -> String {
        format!("{self}:events")
    }

    /// The run of Redis whose epoch the log has seen begin, a string.
    #[must_use]
    pub fn epoch(&self) -> String {
        format!("{self}:epoch")
    }

    /// The heights below which hard purges are no longer in the log, a sorted set of stamps by the milliseconds of each.
    #[must_use]
    pub fn hard_floor(&self) -> String {
        format!("{self}:hard-floor")
    }

    /// The ids of instances that live or have lately, a sorted set by when they were last seen.
    #[must_use]
    pub fn instances(&self) -> String {
        format!("{self}:instances")
    }

    /// The lease of one instance, a string with a time to live: its applied stamp.
    #[must_use]
    pub fn instance(&self, id: &str) -> String {
        format!("{self}:instance:{id}")
    }

    /// What one instance says of itself, a string with a time to live: JSON, its version and the digest of its rules.
    #[must_use]
    pub fn about(&self, id: &str) -> String {
        format!("{self}:about:{id}")
    }

    /// The lease for the fetch of one key, a string with a time to live: the stamp and the name of who holds it.
    #[must_use]
    pub fn fetch(&self, fingerprint: u128) -> String {
        format!("{self}:fetch:{fingerprint:032x}")
    }

    /// What became of fetches that had such a lease, a stream of a bounded length.
    #[must_use]
    pub fn fetched(&self) -> String {
        format!("{self}:fetched")
    }

    /// How far the purges of the log were made at one CDN, a stream of a bounded length: an entry's id is the place in the log.
    #[must_use]
    pub fn cdn(&self, cdn: &str) -> String {
        format!("{self}:cdn:{cdn}")
    }

    /// The lease for making purges at one CDN, a string with a time to live: JSON, who holds it and what fails.
    #[must_use]
    pub fn cdn_lease(&self, cdn: &str) -> String {
        format!("{self}:cdn-lease:{cdn}")
    }

    /// How far the binary log of one database was read, a string: JSON.
    #[must_use]
    pub fn changes(&self, database: &str) -> String {
        format!("{self}:changes:{database}")
    }

    /// The stored variants of one primary key, a hash.
    #[must_use]
    pub fn entry(&self, fingerprint: u128) -> String {
        format!("{self}:entry:{fingerprint:032x}")
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
