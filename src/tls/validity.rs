//! From when and until when a certificate is valid.

use crate::clock::Timestamp;
use std::time::Duration;
use x509_parser::prelude::{ASN1Time, X509Certificate};

/// How long before its end a certificate is warned of.
const WARNED_BEFORE: Duration = Duration::from_hours(14 * 24);

/// The times between which a certificate is valid, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// The first moment.
    pub not_before: Timestamp,
    /// The last one.
    pub not_after: Timestamp,
}

impl Validity {
    /// That of a certificate.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let times = certificate.validity();
        Self { not_before: timestamp(times.not_before), not_after: timestamp(times.not_after) }
    }

    /// What an operator must know about it at `now`, as a sentence's end; `None` if it is valid for some time.
    #[must_use]
    pub(crate) fn warning(&self, now: Timestamp) -> Option<String> {
        let Self { not_before, not_after } = self;
        if now < *not_before {
            return Some(format!("is not valid before {}", not_before.to_rfc3339()));
        }
        if now > *not_after {
            return Some(format!("has expired at {}", not_after.to_rfc3339()));
        }
        let left = not_after.since(now);
        let days = left.as_secs() / (24 * 60 * 60);
        (left <= WARNED_BEFORE).then(|| format!("expires in {days} days, at {}", not_after.to_rfc3339()))
    }
}

/// Before the epoch is the epoch: a certificate of those days has expired all the same.
fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}
