//! Entries to be stored, and what makes two of them the same.

use crate::clock::Timestamp;
use crate::entry::samples::Sample;
use crate::entry::{Entry, EntryParts};
use crate::key::{KeyBuilder, KeyPart, PrimaryKey};
use crate::semantics::policy::{ExchangeTimes, ResponsePolicy};
use crate::stamp::Stamp;
use std::sync::Arc;

/// The present of every tier that has a clock: later than all that is stored.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(super) fn key(path: &str) -> PrimaryKey {
    let mut builder = KeyBuilder::default();
    builder.part(KeyPart::Path, path.as_bytes());
    builder.finish()
}

/// The sample, as one that an origin sent a minute before [`NOW`].
pub(super) fn entry(sample: Sample) -> Arc<Entry> {
    entry_with(sample, |_| ())
}

/// As [`entry`], with this done to it.
pub(super) fn entry_with(sample: Sample, change: impl FnOnce(&mut EntryParts)) -> Arc<Entry> {
    let headers = sample.header_map();
    let mut parts = sample.parts();
    let received_at = NOW.saturating_sub(std::time::Duration::from_mins(1));
    let times = ExchangeTimes { requested_at: received_at, received_at };
    parts.policy = ResponsePolicy::parse(parts.status, &headers, times);
    parts.stored_at = received_at;
    parts.stamp = Stamp::new((1_799_000_000_000, 3), 0);
    change(&mut parts);
    Arc::new(Entry::new(parts, &headers))
}

/// A response in this language, stored so many seconds after the epoch.
pub(super) fn in_language(language: &'static str, stored_at_secs: u64) -> Arc<Entry> {
    let sample = Sample { variant: vec![("accept-language", language)], ..Sample::default() };
    entry_with(sample, |parts| parts.stored_at = Timestamp::from_secs(stored_at_secs))
}

/// A response with a body of so many bytes that no coding shrinks.
pub(super) fn sized(body_bytes: usize) -> Sample {
    Sample { headers: vec![("content-type", "application/octet-stream")], ..Sample::sized(body_bytes) }
}

/// Compares all of `found` with `expected`.
#[track_caller]
pub(super) fn assert_same(found: &Entry, expected: &Entry) {
    assert_eq!(text(found.head_at_rest()), text(expected.head_at_rest()));
    assert_eq!(found.headers(), expected.headers());
    assert_eq!(found.filed_under(), expected.filed_under());
    assert_eq!((found.status(), found.variant()), (expected.status(), expected.variant()));
    assert_eq!(found.policy(), expected.policy());
    assert_eq!((found.stamp(), found.stored_at()), (expected.stamp(), expected.stored_at()));
    assert_eq!((found.body().to_stored(), found.part()), (expected.body().to_stored(), expected.part()));
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
