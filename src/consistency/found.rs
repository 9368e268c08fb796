//! An answer that was older than the origin's, with all that is known of it.

use super::Occasion;
use crate::clock::Timestamp;
use crate::scope::{RouteName, Scope};
use crate::stamp::Stamp;
use http::StatusCode;
use std::time::Duration;

/// What can be told of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its status.
    pub(crate) status: StatusCode,
    /// The digest of its body, without what the rule lets differ.
    pub(crate) digest: u128,
    /// Its ETag, as far as it is text.
    pub(crate) etag: Option<String>,
    /// Its Last-Modified, as far as it is text.
    pub(crate) last_modified: Option<String>,
}

impl Seen {
    /// Whether both are the same for a client. Validators are shown, and not compared: an origin may forget them.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.status, self.digest) == (other.status, other.digest)
    }
}

/// One that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The route.
    pub(crate) route: RouteName,
    /// The URL as keyed.
    pub(crate) url: String,
    /// When it was looked at.
    pub(crate) occasion: Occasion,
    /// When it was served or, after a purge, read.
    pub(crate) at: Timestamp,
    /// Its age by then.
    pub(crate) age: Duration,
    /// What was served.
    pub(crate) served: Seen,
    /// What the origin said, twice.
    pub(crate) origin: Seen,
    /// The purge that covered it by then and should have kept it from being served; `None` if there was none.
    pub(crate) ignored_purge: Option<IgnoredPurge>,
}

/// A purge that should have kept an answer from being served.
#[derive(Debug, Clone)]
pub(crate) struct IgnoredPurge {
    /// Its place in the log.
    pub(crate) stamp: Stamp,
    /// Which of its scopes; `None` if that is no longer known.
    pub(crate) scope: Option<Scope>,
}
