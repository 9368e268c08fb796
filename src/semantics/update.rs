//! How a 304 or a HEAD answer changes a stored response: RFC 9111 section 3.2, 4.3.4, 4.3.5.

use super::entity_tag::{EntityTag, Strength};
use super::forwarding::strip_hop_by_hop;
use http::header::{AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, StatusCode};

/// What the answer to a validation means for the stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// The stored response is confirmed: merge the fields.
    Confirmed,
    /// The 304 names another representation than the stored one: it confirms nothing.
    Mismatch,
}

/// Whether a 304 confirms the stored response (RFC 9111 section 4.3.4: strong, then weak validator).
///
/// A 304 without any validator answers the validators that were sent, and those were the one stored response's, so it
/// confirms it: origins that leave `ETag` out of a 304 are common.
pub(crate) fn confirms(stored: &HeaderMap, not_modified: &HeaderMap) -> Validation {
    let confirmed = match EntityTag::of(not_modified) {
        // A strong validator picks only what has the same one; a Last-Modified beside it is no stronger.
        Some(newer) if newer.strength == Strength::Strong => match EntityTag::of(stored) {
            Some(tag) => newer.matches_strongly(&tag),
            None => has_same_date(stored, not_modified),
        },
        Some(newer) => match EntityTag::of(stored) {
            Some(tag) => newer.matches_weakly(&tag),
            None => has_same_date(stored, not_modified),
        },
        None => !not_modified.contains_key(LAST_MODIFIED) || has_same_date(stored, not_modified),
    };
    if confirmed { Validation::Confirmed } else { Validation::Mismatch }
}

fn has_same_date(stored: &HeaderMap, newer: &HeaderMap) -> bool {
    newer.get(LAST_MODIFIED).is_some_and(|date| stored.get(LAST_MODIFIED) == Some(date))
}

/// The stored headers with the new answer's in place of theirs, but for Content-Length, Content-Encoding,
/// Content-Range and hop-by-hop fields (RFC 9111 section 3.2): those that the stored body depends upon. All lines of
/// a field are replaced together. A stored Age goes, as it is older than the new answer.
///
/// Fields of the newer answer that may not be stored (Set-Cookie under the route's rule, those that `private` or
/// `no-cache` names) are the caller's to drop before.
pub(crate) fn merged(stored: &HeaderMap, newer: &HeaderMap) -> HeaderMap {
    let mut newer = newer.clone();
    strip_hop_by_hop(&mut newer);
    for name in &FIELDS_OF_THE_BODY {
        newer.remove(name);
    }
    let mut headers = stored.clone();
    headers.remove(AGE);
    for name in newer.keys() {
        headers.remove(name);
    }
    for (name, value) in &newer {
        headers.append(name, value.clone());
    }
    headers
}

/// What describes the stored bytes and not the newer answer's.
static FIELDS_OF_THE_BODY: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE];

/// What an answer to HEAD says of a stored response to GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadFreshening {
    /// Same representation: its headers update the stored ones.
    Update,
    /// Another representation: the stored response is stale from now on.
    Invalidate,
    /// Says nothing: it is no 200, or it has no validator to distinguish representations.
    Ignore,
}

/// Judges an answer to HEAD against a stored 200 to GET (RFC 9111 section 4.3.5): what differs in a validator or in length
/// is another representation, and only a validator that is the same shows the same one. `stored_length` is the length of
/// the body as the origin sent it, in bytes.
pub(crate) fn freshen_by_head(
    stored: &HeaderMap,
    stored_length: u64,
    status: StatusCode,
    head: &HeaderMap,
) -> HeadFreshening {
    if status != StatusCode::OK {
        return HeadFreshening::Ignore;
    }
    let differs = |name: HeaderName| head.get(&name).is_some_and(|value| stored.get(&name) != Some(value));
    let has_validator = [ETAG, LAST_MODIFIED].iter().any(|name| head.contains_key(name));
    let length = head.get(CONTENT_LENGTH).map(|value| value.to_str().ok().and_then(|text| text.parse::<u64>().ok()));
    let has_same_length = length.is_none_or(|length| length == Some(stored_length));
    if differs(ETAG) || differs(LAST_MODIFIED) || !has_same_length {
        HeadFreshening::Invalidate
    } else if has_validator {
        HeadFreshening::Update
    } else {
        HeadFreshening::Ignore
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{CACHE_CONTROL, CONTENT_TYPE};

    const EARLY: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
    const LATER: &str = "Thu, 02 Jan 2020 00:00:00 GMT";

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        lines.iter().map(line).collect()
    }

    #[test]
    fn rfc_9111_4_3_4_a_304_confirms_what_has_its_validator() {
        use Validation::{Confirmed, Mismatch};
        for (stored, newer, expected) in [
            // Strong.
            (&[("etag", "\"a\"")][..], &[("etag", "\"a\"")][..], Confirmed),
            (&[("etag", "\"a\"")], &[("etag", "\"b\"")], Mismatch),
            (&[("etag", "W/\"a\"")], &[("etag", "\"a\"")], Mismatch),
            (&[("etag", "\"a\""), ("last-modified", EARLY)], &[("etag", "\"b\""), ("last-modified", EARLY)], Mismatch),
            (&[("last-modified", EARLY)], &[("etag", "\"a\""), ("last-modified", EARLY)], Confirmed),
            (&[("last-modified", EARLY)], &[("etag", "\"a\"")], Mismatch),
            // Weak.
            (&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")], Confirmed),
            (&[("etag", "\"a\"")], &[("etag", "W/\"a\"")], Confirmed),
            (&[("etag", "W/\"a\"")], &[("etag", "W/\"b\"")], Mismatch),
            (&[("last-modified", EARLY)], &[("last-modified", EARLY)], Confirmed),
            (&[("last-modified", EARLY)], &[("last-modified", LATER)], Mismatch),
            (&[("etag", "\"a\""), ("last-modified", EARLY)], &[("last-modified", EARLY)], Confirmed),
            (&[("etag", "\"a\"")], &[("last-modified", EARLY)], Mismatch),
            // None.
            (&[("etag", "\"a\"")], &[], Confirmed),
            (&[], &[], Confirmed),
        ] {
            assert_eq!(confirms(&headers(stored), &headers(newer)), expected, "{stored:?} {newer:?}");
        }
    }

    #[test]
    fn rfc_9111_3_2_a_304_updates_every_field_but_those_of_the_body() {
        let stored = headers(&[
            ("cache-control", "max-age=1"),
            ("content-type", "text/plain"),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("content-range", "bytes 0-4/10"),
            ("content-foo", "a"),
            ("kept", "1"),
            ("kept", "2"),
            ("link", "<a>"),
            ("link", "<b>"),
            ("age", "30"),
        ]);
        let newer = headers(&[
            ("cache-control", "max-age=3600"),
            ("content-type", "text/plain;charset=utf-8"),
            ("content-length", "10"),
            ("content-encoding", "br"),
            ("content-range", "bytes 0-9/10"),
            ("content-foo", "b"),
            ("link", "<c>"),
            ("new", "1"),
            ("new", "2"),
            ("connection", "hop, close"),
            ("hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
        ]);
        let expected = headers(&[
            ("cache-control", "max-age=3600"),
            ("content-type", "text/plain;charset=utf-8"),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("content-range", "bytes 0-4/10"),
            ("content-foo", "b"),
            ("kept", "1"),
            ("kept", "2"),
            ("link", "<c>"),
            ("new", "1"),
            ("new", "2"),
        ]);
        assert_eq!(merged(&stored, &newer), expected);
        assert_eq!(merged(&stored, &headers(&[("age", "3")])).get(AGE), Some(&HeaderValue::from_static("3")));
        let unchanged = merged(&stored, &HeaderMap::new());
        assert_eq!(unchanged.get(CONTENT_TYPE), stored.get(CONTENT_TYPE));
        assert_eq!(unchanged.get(CACHE_CONTROL), stored.get(CACHE_CONTROL));
    }

    #[test]
    fn rfc_9111_4_3_5_head_updates_the_same_and_invalidates_another_representation() {
        use HeadFreshening::{Ignore, Invalidate, Update};
        let stored = headers(&[("etag", "\"a\""), ("last-modified", EARLY)]);
        for (status, head, expected) in [
            (200, &[][..], Ignore),
            (200, &[("content-length", "5"), ("cache-control", "max-age=60")], Ignore),
            (200, &[("etag", "\"a\"")], Update),
            (200, &[("last-modified", EARLY)], Update),
            (200, &[("etag", "\"a\""), ("last-modified", EARLY), ("content-length", "5")], Update),
            (200, &[("etag", "\"b\"")], Invalidate),
            (200, &[("last-modified", LATER)], Invalidate),
            (200, &[("content-length", "6")], Invalidate),
            (200, &[("content-length", "x")], Invalidate),
            (204, &[("etag", "\"b\"")], Ignore),
            (410, &[], Ignore),
            (500, &[("content-length", "6")], Ignore),
        ] {
            let verdict = freshen_by_head(&stored, 5, StatusCode::from_u16(status).unwrap(), &headers(head));
            assert_eq!(verdict, expected, "{status} {head:?}");
        }
        let bare = freshen_by_head(&HeaderMap::new(), 5, StatusCode::OK, &headers(&[("etag", "\"a\"")]));
        assert_eq!(bare, Invalidate, "a validator that the stored response does not have");
    }
}
