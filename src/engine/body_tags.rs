//! The tags that stand in a body, read once it is complete.

use super::draft::Draft;
use crate::rules::body_tags::BodyTags;
use crate::scope::Tag;
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::header::CONTENT_ENCODING;
use std::io::Read;

/// Bodies larger than this are read on a thread of their own.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// The tags in a draft's body. None where they can't be known: it is a part, it is no JSON, or it is coded in a way that
/// is not read here. Such a response could not be purged by what it shows.
pub(super) async fn read(body_tags: BodyTags, draft: &Draft, pieces: &[Bytes]) -> Option<Vec<Tag>> {
    if draft.part.is_some() {
        return None;
    }
    let body = pieces.concat();
    let bytes_max = draft.route.max_body_bytes;
    let gzipped = match draft.headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes().to_ascii_lowercase()) {
        None => Coding::Identity,
        Some(coding) if coding == b"identity" => Coding::Identity,
        Some(coding) if coding == b"gzip" || coding == b"x-gzip" => Coding::Gzip,
        Some(_) => return None,
    };
    let work = move || match gzipped {
        Coding::Identity => body_tags.tags(&body),
        Coding::Gzip => body_tags.tags(&inflated(&body, bytes_max)?),
    };
    if pieces.iter().map(Bytes::len).sum::<usize>() <= INLINE_BYTES_MAX {
        return work();
    }
    tokio::task::spawn_blocking(work).await.ok().flatten()
}

enum Coding {
    Identity,
    Gzip,
}

/// What a gzip stream holds; none where it is damaged or holds more than `bytes_max`.
fn inflated(gzip: &[u8], bytes_max: u64) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(gzip).take(bytes_max.saturating_add(1)).read_to_end(&mut body).ok()?;
    (body.len() as u64 <= bytes_max).then_some(body)
}
