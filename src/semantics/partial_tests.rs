//! Parts, clause by clause.

use super::*;
use proptest::prelude::*;

fn part(first: u64, last: u64, complete_length: Option<u64>) -> Part {
    Part { range: ByteRange { first, last }, complete_length }
}

fn headers(lines: &[(http::HeaderName, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn rfc_9110_14_4_content_range() {
    for (value, expected) in [
        ("bytes 0-0/1", Some(part(0, 0, Some(1)))),
        ("bytes 4-9/10", Some(part(4, 9, Some(10)))),
        ("BYTES 4-9/*", Some(part(4, 9, None))),
        ("bytes 9-4/10", None),
        ("bytes 4-10/10", None),
        ("bytes */10", None),
        ("bytes 4-9", None),
        ("bytes -9/10", None),
        ("bytes 4-/10", None),
        ("bytes=4-9/10", None),
        ("items 4-9/10", None),
        ("bytes 4-9/10, bytes 1-2/10", None),
        ("bytes +4-9/10", None),
        ("bytes 4-99999999999999999999/*", None),
        ("bytes 0-18446744073709551615/*", None),
        ("", None),
    ] {
        assert_eq!(part_of(&headers(&[(CONTENT_RANGE, value)])), expected, "{value}");
    }
    let line = (CONTENT_RANGE, "bytes 0-0/1");
    assert_eq!(part_of(&headers(&[line.clone(), line.clone()])), None, "repeated");
    assert_eq!(part_of(&headers(&[line, (CONTENT_TYPE, "Multipart/Byteranges; boundary=x")])), None);
    assert_eq!(part_of(&HeaderMap::new()), None);
}

#[test]
fn rfc_9111_3_3_a_stored_part_answers_ranges_inside_it() {
    let tail = part(4, 9, Some(10));
    let head = part(0, 4, Some(10));
    let middle = part(2, 5, None);
    let from = |first, last| RangeSpec::From { first, last };
    for (stored, held, requested, expected) in [
        (tail, 6, from(4, Some(9)), Some((4, 9, 0))),
        (tail, 6, from(6, Some(8)), Some((6, 8, 2))),
        (tail, 6, from(6, None), Some((6, 9, 2))),
        (tail, 6, from(6, Some(99)), Some((6, 9, 2))),
        (tail, 6, from(3, Some(5)), None),
        (tail, 6, from(10, None), None),
        (tail, 6, RangeSpec::Suffix(1), Some((9, 9, 5))),
        (tail, 6, RangeSpec::Suffix(6), Some((4, 9, 0))),
        (tail, 6, RangeSpec::Suffix(7), None),
        (tail, 6, RangeSpec::Suffix(0), None),
        (head, 5, from(0, Some(5)), None),
        (head, 5, from(1, None), None),
        (head, 5, RangeSpec::Suffix(1), None),
        (middle, 4, from(3, Some(5)), Some((3, 5, 1))),
        (middle, 4, from(3, Some(6)), None),
        (middle, 4, from(3, None), None),
        (part(0, 9, Some(10)), 10, RangeSpec::Suffix(99), Some((0, 9, 0))),
        // The origin says six bytes and sends five.
        (tail, 5, from(6, Some(8)), Some((6, 8, 2))),
        (tail, 5, from(6, None), Some((6, 8, 2))),
        (tail, 5, from(9, None), None),
        (tail, 5, RangeSpec::Suffix(1), Some((9, 9, 4))),
        (tail, 5, RangeSpec::Suffix(5), Some((5, 9, 0))),
        (tail, 5, RangeSpec::Suffix(6), None),
        (tail, 0, RangeSpec::Suffix(1), None),
    ] {
        let expected = expected.map_or(Coverage::Missing, |(first, last, offset)| Coverage::Held {
            range: ByteRange { first, last },
            offset,
        });
        assert_eq!(coverage(&stored, held, requested), expected, "{requested:?} of {held} in {stored:?}");
    }
}

#[test]
fn rfc_9111_3_4_what_completes_a_part() {
    for (stored, expected) in [
        (part(0, 4, Some(10)), Some("bytes=5-")),
        (part(0, 4, None), Some("bytes=5-")),
        (part(4, 9, Some(10)), Some("bytes=0-3")),
        (part(4, 8, Some(10)), None),
        (part(4, 8, None), None),
        (part(0, 9, Some(10)), None),
    ] {
        assert_eq!(completing_range(&stored), expected.map(HeaderValue::from_static), "{stored:?}");
    }
}

#[test]
fn rfc_9111_3_4_only_a_shared_strong_validator_allows_combining() {
    use http::header::{ETAG, LAST_MODIFIED};
    let date = "Wed, 01 Jan 2020 00:00:00 GMT";
    for (stored, newer, expected, if_range_sent) in [
        (&[(ETAG, "\"a\"")][..], &[(ETAG, "\"a\"")][..], Combination::Allowed, Some("\"a\"")),
        (&[(ETAG, "\"a\"")], &[(ETAG, "\"b\"")], Combination::Refused, Some("\"a\"")),
        (&[(ETAG, "\"a\"")], &[], Combination::Refused, Some("\"a\"")),
        (&[(ETAG, "W/\"a\"")], &[(ETAG, "W/\"a\"")], Combination::Refused, None),
        (&[(LAST_MODIFIED, date)], &[(LAST_MODIFIED, date)], Combination::Refused, None),
        (&[], &[], Combination::Refused, None),
    ] {
        assert_eq!(combination(&headers(stored), &headers(newer)), expected, "{stored:?} {newer:?}");
        assert_eq!(if_range(&headers(stored)), if_range_sent.map(HeaderValue::from_static), "{stored:?}");
    }
}

#[test]
fn parts_that_contradict_each_other_are_not_combined() {
    let bytes = Bytes::from_static;
    for (one, one_body, other, other_body) in [
        // A gap.
        (part(0, 1, None), "ab", part(3, 4, None), "de"),
        // Different lengths of the whole.
        (part(0, 1, Some(4)), "ab", part(2, 3, Some(5)), "cd"),
        // Different bytes where they overlap.
        (part(0, 2, None), "abc", part(2, 3, None), "xd"),
        // A body that is not as long as its part.
        (part(0, 2, None), "ab", part(2, 3, None), "cd"),
        // One reaches beyond the end that the other tells.
        (part(0, 2, Some(3)), "abc", part(2, 3, None), "cd"),
    ] {
        let (one_body, other_body) = (bytes(one_body.as_bytes()), bytes(other_body.as_bytes()));
        assert_eq!(combine((&one, &one_body), (&other, &other_body)), None, "{one:?} {other:?}");
        assert_eq!(combine((&other, &other_body), (&one, &one_body)), None, "{other:?} {one:?}");
    }
}

proptest! {
    #[test]
    fn combined_parts_of_a_known_body_are_a_slice_of_it(
        body in prop::collection::vec(any::<u8>(), 1..40),
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        told in (any::<bool>(), any::<bool>()),
    ) {
        let body = Bytes::from(body);
        let take = |a: prop::sample::Index, b: prop::sample::Index, told: bool| {
            let (a, b) = (a.index(body.len()), b.index(body.len()));
            let (first, last) = (a.min(b), a.max(b));
            let length = told.then_some(body.len() as u64);
            (part(first as u64, last as u64, length), body.slice(first..=last))
        };
        let (one, other) = (take(cuts.0, cuts.1, told.0), take(cuts.2, cuts.3, told.1));
        let combined = combine((&one.0, &one.1), (&other.0, &other.1));
        let gap = one.0.range.first > other.0.range.last + 1 || other.0.range.first > one.0.range.last + 1;
        prop_assert_eq!(combined.is_none(), gap);
        if let Some((part, bytes)) = combined {
            let first = usize::try_from(part.range.first).unwrap();
            let last = usize::try_from(part.range.last).unwrap();
            prop_assert_eq!(bytes, body.slice(first..=last));
            prop_assert_eq!(part.complete_length.is_some(), told.0 || told.1);
        }
    }

    #[test]
    fn an_exact_part_covers_only_bytes_that_it_holds(
        first in 0_u64..20, length in 1_u64..20, beyond in prop::option::of(0_u64..10), spec in range_spec(),
    ) {
        let complete = beyond.map(|beyond| first + length + beyond);
        let stored = part(first, first + length - 1, complete);
        if let Coverage::Held { range, offset } = coverage(&stored, length, spec) {
            prop_assert!(range.first >= first && range.last < first + length);
            prop_assert_eq!(offset, range.first - first);
            if let Some(complete) = complete {
                prop_assert_eq!(spec.resolve(complete), Some(range));
            }
        }
    }

    #[test]
    fn no_part_or_text_panics(
        first in any::<u64>(), last in any::<u64>(), complete in any::<Option<u64>>(), held in any::<u64>(),
        spec in range_spec(), text in "(bytes )?[0-9*]{0,22}-?[0-9*]{0,22}/?[0-9*]{0,22}",
    ) {
        let stored = part(first.min(last), last.min(u64::MAX - 1).max(first.min(last)), complete);
        if stored.range.last < u64::MAX {
            let _ = coverage(&stored, held, spec);
            let _ = completing_range(&stored);
        }
        let _ = part_of(&headers(&[(CONTENT_RANGE, &text)]));
    }
}

fn range_spec() -> impl Strategy<Value = RangeSpec> {
    let number = prop_oneof![0_u64..25, any::<u64>()];
    prop_oneof![
        (number.clone(), prop::option::of(number.clone())).prop_filter_map("ordered", |(first, last)| {
            last.is_none_or(|last| first <= last).then_some(RangeSpec::From { first, last })
        }),
        number.prop_map(RangeSpec::Suffix),
    ]
}
