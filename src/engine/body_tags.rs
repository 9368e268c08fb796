//! What is read in a body once it is complete, and the tags among that.

use super::draft::Draft;
use crate::in_flight::{InFlight, Room};
use crate::rules::body_tags::{BodyTags, tree_bytes_max};
use crate::scope::Tag;
use crate::semantics::reason::Reason;
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use std::io::Read;
use std::sync::Arc;

/// Bodies larger than this are read on a thread of their own.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// The tags in a draft's body.
///
/// # Errors
/// Where they can't be known: it is a part, it is no JSON, it is coded in a way that is not read here, or the tree that
/// it is read into has no room. Such a response could not be purged by what it shows.
pub(super) async fn read(
    body_tags: BodyTags,
    draft: &Draft,
    pieces: &[Bytes],
    in_flight: Arc<InFlight>,
) -> Result<Vec<Tag>, Reason> {
    let work = move |body: &[u8]| {
        let tree_bytes = tree_bytes_max(body);
        if in_flight.room_for(tree_bytes) == Room::Taken {
            return Err(Reason::InFlightFull);
        }
        let _charge = in_flight.charge(tree_bytes);
        body_tags.tags(body).ok_or(Reason::BodyTagsUnreadable)
    };
    if draft.part.is_some() {
        return Err(Reason::BodyTagsUnreadable);
    }
    read_decoded(&draft.headers, pieces.concat(), draft.route.max_body_bytes, Reason::BodyTagsUnreadable, work).await
}

/// What comes of reading a body with these fields, without its content coding; `unreadable` where it has one that is not
/// read here, can't be decoded, or is longer than `bytes_max` then.
pub(super) async fn read_decoded<T: Send + 'static>(
    headers: &HeaderMap,
    body: Vec<u8>,
    bytes_max: u64,
    unreadable: Reason,
    work: impl FnOnce(&[u8]) -> Result<T, Reason> + Send + 'static,
) -> Result<T, Reason> {
    let coding = match headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes().to_ascii_lowercase()) {
        None => Coding::Identity,
        Some(coding) if coding == b"identity" => Coding::Identity,
        Some(coding) if coding == b"gzip" || coding == b"x-gzip" => Coding::Gzip,
        Some(_) => return Err(unreadable),
    };
    let is_short = body.len() <= INLINE_BYTES_MAX && matches!(coding, Coding::Identity);
    let work = move || match coding {
        Coding::Identity => work(&body),
        Coding::Gzip => work(&inflated(&body, bytes_max).ok_or(unreadable)?),
    };
    if is_short {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(unreadable))
}

enum Coding {
    Identity,
    Gzip,
}

/// What a gzip stream holds; `None` if it is damaged or holds more than `bytes_max`.
fn inflated(gzip: &[u8], bytes_max: u64) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(gzip).take(bytes_max.saturating_add(1)).read_to_end(&mut body).ok()?;
    (body.len() as u64 <= bytes_max).then_some(body)
}
