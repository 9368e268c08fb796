//! How stored parts of a response become a whole: RFC 9111 section 3.3 and 3.4.

use super::draft::Draft;
use super::origin::Body;
use crate::entry::Entry;
use crate::entry::settling::Settling;
use crate::semantics::partial::{Combination, combination, combine};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http_body_util::BodyExt;

/// Joins a stored part to a newer one of the same representation. The draft then stands for both; for the whole, where
/// nothing is missing any more. Where they can't be joined the newer stands for itself.
pub(super) fn join(stored: &Entry, draft: &mut Draft, newer: Bytes) -> Bytes {
    let (Some(had), Some(part)) = (stored.part(), draft.part) else { return newer };
    let held = stored.body();
    if held.coding().is_some() {
        return newer;
    }
    if *stored.variant() != draft.variant || combination(&stored.headers(), &draft.headers) == Combination::Refused {
        return newer;
    }
    let Some((joined, bytes)) = combine((&had, &held.to_bytes()), (&part, &newer)) else { return newer };
    draft.part = Some(joined);
    if joined.is_whole() {
        draft.part = None;
        draft.status = StatusCode::OK;
        draft.headers.remove(CONTENT_RANGE);
        draft.headers.remove(CONTENT_LENGTH);
    }
    // What is old in the joined body stays as old as it was for purges, and under its labels.
    draft.stamp = draft.stamp.min(stored.stamp());
    draft.settling = Settling::both(draft.settling, stored.settling());
    draft.add_tags(stored.membership().tags.to_tags());
    bytes
}

/// The whole of a body of at most `bytes_max`; `None` if it is larger or cut short.
pub(super) async fn collect(mut body: Body, bytes_max: u64) -> Option<Bytes> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        if (collected.len() + data.len()) as u64 > bytes_max {
            return None;
        }
        collected.extend_from_slice(&data);
    }
    Some(collected.freeze())
}
