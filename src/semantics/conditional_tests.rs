//! Preconditions, clause by clause.

use super::*;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const EARLY: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
const LATER: &str = "Thu, 02 Jan 2020 00:00:00 GMT";

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

#[track_caller]
fn check(request: &[(HeaderName, &str)], selected: &[(HeaderName, &str)], expected: Precondition) {
    let verdict = evaluate(&Method::GET, &headers(request), &headers(selected), NOW);
    assert_eq!(verdict, expected, "{request:?} {selected:?}");
}

#[test]
fn rfc_9110_13_1_1_if_match_wants_a_strong_match() {
    let strong = [(ETAG, "\"a\"")];
    check(&[(IF_MATCH, "\"a\"")], &strong, Precondition::Proceed);
    check(&[(IF_MATCH, "\"b\", \"a\"")], &strong, Precondition::Proceed);
    check(&[(IF_MATCH, "*")], &strong, Precondition::Proceed);
    check(&[(IF_MATCH, "*")], &[], Precondition::Proceed);
    check(&[(IF_MATCH, "\"b\"")], &strong, Precondition::Failed);
    check(&[(IF_MATCH, "W/\"a\"")], &strong, Precondition::Failed);
    check(&[(IF_MATCH, "W/\"a\"")], &[(ETAG, "W/\"a\"")], Precondition::Failed);
    check(&[(IF_MATCH, "\"a\"")], &[], Precondition::Failed);
}

#[test]
fn rfc_9110_13_1_2_if_none_match_wants_no_weak_match() {
    for (listed, etag, expected) in [
        ("\"a\"", Some("\"a\""), Precondition::NotModified),
        ("\"b\", \"a\", \"c\"", Some("\"a\""), Precondition::NotModified),
        ("W/\"a\"", Some("\"a\""), Precondition::NotModified),
        ("\"a\"", Some("W/\"a\""), Precondition::NotModified),
        ("*", None, Precondition::NotModified),
        ("\"b\"", Some("\"a\""), Precondition::Proceed),
        ("\"a\"", None, Precondition::Proceed),
        ("a", Some("\"a\""), Precondition::Proceed),
        ("a", Some("a"), Precondition::Proceed),
        // The client has the other coding.
        ("\"a+gzip\"", Some("\"a\""), Precondition::Proceed),
    ] {
        let selected: Vec<_> = etag.map(|etag| (ETAG, etag)).into_iter().collect();
        check(&[(IF_NONE_MATCH, listed)], &selected, expected);
    }
    let verdict = evaluate(&Method::PUT, &headers(&[(IF_NONE_MATCH, "\"a\"")]), &headers(&[(ETAG, "\"a\"")]), NOW);
    assert_eq!(verdict, Precondition::Failed, "for a method that does not read");
}

#[test]
fn rfc_9110_13_1_3_if_modified_since() {
    for (since, modified, expected) in [
        (EARLY, EARLY, Precondition::NotModified),
        (LATER, EARLY, Precondition::NotModified),
        ("Thursday, 02-Jan-20 00:00:00 GMT", EARLY, Precondition::NotModified),
        (EARLY, LATER, Precondition::Proceed),
        ("yesterday", EARLY, Precondition::Proceed),
        (LATER, "yesterday", Precondition::Proceed),
    ] {
        check(&[(IF_MODIFIED_SINCE, since)], &[(LAST_MODIFIED, modified)], expected);
    }
    let twice = [(IF_MODIFIED_SINCE, LATER), (IF_MODIFIED_SINCE, LATER)];
    check(&twice, &[(LAST_MODIFIED, EARLY)], Precondition::Proceed);
    check(&[(IF_MODIFIED_SINCE, LATER)], &[], Precondition::Proceed);
    let request = headers(&[(IF_MODIFIED_SINCE, LATER)]);
    let verdict = evaluate(&Method::POST, &request, &headers(&[(LAST_MODIFIED, EARLY)]), NOW);
    assert_eq!(verdict, Precondition::Proceed, "only GET and HEAD");
}

#[test]
fn rfc_9111_4_3_2_date_stands_in_for_a_missing_last_modified() {
    check(&[(IF_MODIFIED_SINCE, EARLY)], &[(DATE, EARLY)], Precondition::NotModified);
    check(&[(IF_MODIFIED_SINCE, EARLY)], &[(DATE, LATER)], Precondition::Proceed);
    check(&[(IF_MODIFIED_SINCE, EARLY)], &[(LAST_MODIFIED, LATER), (DATE, EARLY)], Precondition::Proceed);
}

#[test]
fn rfc_9110_13_1_4_if_unmodified_since() {
    check(&[(IF_UNMODIFIED_SINCE, EARLY)], &[(LAST_MODIFIED, EARLY)], Precondition::Proceed);
    check(&[(IF_UNMODIFIED_SINCE, EARLY)], &[(LAST_MODIFIED, LATER)], Precondition::Failed);
    check(&[(IF_UNMODIFIED_SINCE, "soon")], &[(LAST_MODIFIED, LATER)], Precondition::Proceed);
    check(&[(IF_UNMODIFIED_SINCE, EARLY)], &[(DATE, LATER)], Precondition::Proceed);
}

#[test]
fn rfc_9110_13_2_2_precedence() {
    let selected = [(ETAG, "\"a\""), (LAST_MODIFIED, LATER)];
    // If-Match before If-Unmodified-Since.
    check(&[(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, EARLY)], &selected, Precondition::Proceed);
    check(&[(IF_MATCH, "\"b\""), (IF_UNMODIFIED_SINCE, LATER)], &selected, Precondition::Failed);
    // If-None-Match before If-Modified-Since.
    check(&[(IF_NONE_MATCH, "\"a\""), (IF_MODIFIED_SINCE, EARLY)], &selected, Precondition::NotModified);
    check(&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, LATER)], &selected, Precondition::Proceed);
    // The first pair before the second.
    check(&[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")], &selected, Precondition::Failed);
    check(&[(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "\"a\"")], &selected, Precondition::NotModified);
    check(&[(IF_UNMODIFIED_SINCE, EARLY), (IF_MODIFIED_SINCE, LATER)], &selected, Precondition::Failed);
    check(&[], &selected, Precondition::Proceed);
}

#[test]
fn rfc_9111_4_3_1_validators_are_sent_as_they_came() {
    for (stored, expected) in [
        (&[(ETAG, "\"a\"")][..], &[(IF_NONE_MATCH, "\"a\"")][..]),
        (&[(ETAG, "W/\"a\""), (LAST_MODIFIED, EARLY)], &[(IF_NONE_MATCH, "W/\"a\""), (IF_MODIFIED_SINCE, EARLY)]),
        (&[(LAST_MODIFIED, EARLY)], &[(IF_MODIFIED_SINCE, EARLY)]),
        (&[(ETAG, "a"), (DATE, EARLY)], &[]),
        (&[(LAST_MODIFIED, EARLY), (LAST_MODIFIED, LATER)], &[]),
    ] {
        let sent: HeaderMap = validation_fields(&headers(stored)).into_iter().collect();
        assert_eq!(sent, headers(expected), "{stored:?}");
    }
}

#[test]
fn rfc_9110_15_4_5_a_304_carries_no_metadata_of_what_is_not_sent() {
    let kept =
        [(ETAG, "\"a\""), (DATE, LATER), (http::header::VARY, "foo"), (http::header::CACHE_CONTROL, "max-age=1")];
    let dropped =
        [(CONTENT_TYPE, "text/plain"), (CONTENT_LENGTH, "5"), (CONTENT_ENCODING, "gzip"), (LAST_MODIFIED, EARLY)];
    let mut selected = headers(&kept);
    selected.extend(headers(&dropped));
    assert_eq!(not_modified_headers(&selected), headers(&kept));
    selected.remove(ETAG);
    assert_eq!(not_modified_headers(&selected).get(LAST_MODIFIED), Some(&HeaderValue::from_static(EARLY)));
}

proptest! {
    #[test]
    fn no_bytes_panic(
        values in prop::collection::vec((0_usize..6, prop::collection::vec(any::<u8>(), 0..40)), 0..6),
        etag in "[W/\"a-c,]{0,6}",
    ) {
        let lines = values.iter().filter_map(|(index, value)| {
            Some((CONDITIONAL_FIELDS.get(*index)?.clone(), HeaderValue::from_bytes(value).ok()?))
        });
        let request: HeaderMap = lines.collect();
        let _ = evaluate(&Method::GET, &request, &headers(&[(ETAG, &etag)]), NOW);
        let _ = validation_fields(&request);
        let _ = not_modified_headers(&request);
    }
}
