//! Coded at rest: which bodies are worth it.

use super::body::StoredBody;
use super::coders;
use crate::semantics::cache_control::ResponseDirectives;
use crate::semantics::content_coding::Coding;
use crate::semantics::policy::ResponsePolicy;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, StatusCode};

/// Bodies smaller than this are kept as they are: the saving would not pay for the decoding.
pub(crate) const CODED_BODY_BYTES_MIN: usize = 1024;

/// Bodies larger than this are coded on a thread of their own, off the request's path.
const INLINE_BYTES_MAX: usize = 16 * 1024;

/// Fields that hold a digest of the bytes as sent (RFC 9530, RFC 1864): coding the body would make them lie.
static DIGEST_FIELDS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Whether a response may and should be kept coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compressibility {
    /// It is text, uncoded and large enough.
    Worthwhile,
    /// It stays as it came.
    AsReceived,
}

/// Judges a response by its head and the length of its body in bytes. `no-transform` forbids coding (RFC 9110 section
/// 7.7), as do a coding, a range or a digest already there.
pub(crate) fn compressibility(status: StatusCode, headers: &HeaderMap, body_bytes: usize) -> Compressibility {
    let changed_by_coding =
        headers.contains_key(CONTENT_ENCODING) || DIGEST_FIELDS.iter().any(|name| headers.contains_key(name));
    let partial = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
    let text = headers.get(CONTENT_TYPE).is_some_and(|value| is_text(value.as_bytes()));
    if changed_by_coding
        || partial
        || !text
        || body_bytes < CODED_BODY_BYTES_MIN
        || ResponseDirectives::parse(headers).no_transform
    {
        return Compressibility::AsReceived;
    }
    Compressibility::Worthwhile
}

/// Whether a media type is one that a coding shrinks.
fn is_text(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let essence = essence.to_ascii_lowercase();
    let named = matches!(
        essence.as_slice(),
        b"application/json"
            | b"application/x-ndjson"
            | b"application/xml"
            | b"application/javascript"
            | b"application/x-javascript"
            | b"application/manifest+json"
            | b"application/graphql"
            | b"application/yaml"
            | b"application/wasm"
            | b"application/x-www-form-urlencoded"
            | b"image/svg+xml"
            | b"image/bmp"
            | b"image/x-icon"
            | b"font/ttf"
            | b"font/otf"
    );
    named || essence.starts_with(b"text/") || essence.ends_with(b"+json") || essence.ends_with(b"+xml")
}

/// The body as it is best kept: coded where that saves at least a tenth, else as received. Call it for a response that
/// [`compressibility`] finds worthwhile.
pub(crate) fn coded(body: Bytes, coding: Coding) -> StoredBody {
    let coded = coders::code(coding, &body);
    if coded.len() > body.len() / 10 * 9 {
        return StoredBody::AsReceived(body);
    }
    StoredBody::Coded { coding, coded: coded.into_boxed_slice().into(), identity_bytes: body.len() as u64 }
}

/// The body that arrived in these pieces as it is best kept: in this coding where `headers` and `policy` allow it and it
/// helps. A large body is coded on a thread of its own.
pub(crate) async fn at_rest(
    pieces: Vec<Bytes>,
    headers: &HeaderMap,
    policy: &ResponsePolicy,
    coding: Option<Coding>,
) -> StoredBody {
    let body_bytes = pieces.iter().map(Bytes::len).sum();
    let received = StoredBody::from_pieces(pieces);
    let Some(coding) = coding else { return received };
    // The directives in force may be those of a targeted field: no-transform counts wherever it stands.
    if policy.directives.no_transform
        || compressibility(policy.status, headers, body_bytes) == Compressibility::AsReceived
    {
        return received;
    }
    let body = received.at_rest().clone();
    if body_bytes <= INLINE_BYTES_MAX {
        return coded(body, coding);
    }
    // The task fails only where the runtime shuts down; then the body as it came is as good an answer.
    tokio::task::spawn_blocking(move || coded(body, coding)).await.unwrap_or(received)
}

#[cfg(test)]
#[path = "coding_tests.rs"]
mod tests;
