//! Ranges, clause by clause.

use super::*;
use http::HeaderName;
use http::header::ETAG;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

fn single(first: u64, last: u64) -> RangeVerdict {
    RangeVerdict::Single(ByteRange { first, last })
}

fn multiple(ranges: &[(u64, u64)]) -> RangeVerdict {
    RangeVerdict::Multiple(ranges.iter().map(|&(first, last)| ByteRange { first, last }).collect())
}

#[track_caller]
fn check(range: &str, length: u64, expected: &RangeVerdict) {
    let verdict = resolve(&headers(&[(RANGE, range)]), &HeaderMap::new(), length, NOW);
    assert_eq!(&verdict, expected, "{range} of {length}");
}

#[test]
fn rfc_9110_14_1_2_single_ranges() {
    for (range, expected) in [
        ("bytes=0-0", (0, 0)),
        ("bytes=2-5", (2, 5)),
        ("Bytes=2-5", (2, 5)),
        ("bytes= 2-5 ", (2, 5)),
        ("bytes=2-", (2, 9)),
        ("bytes=9-99", (9, 9)),
        ("bytes=0-99999999999999999999999", (0, 9)),
        ("bytes=-1", (9, 9)),
        ("bytes=-10", (0, 9)),
        ("bytes=-99999999999999999999999", (0, 9)),
        ("bytes=,2-5,", (2, 5)),
        ("bytes=20-30,2-5", (2, 5)),
    ] {
        check(range, 10, &single(expected.0, expected.1));
    }
}

#[test]
fn rfc_9110_14_2_what_is_not_understood_is_ignored() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=5",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1-2,x",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=-",
        "bytes=+1-2",
        "bytes=1 - 2",
        "items=0-1",
        "bytes 0-1",
        "bytes=0x1-2",
    ] {
        check(range, 10, &RangeVerdict::Whole);
    }
    let twice = headers(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=0-1")]);
    assert_eq!(resolve(&twice, &HeaderMap::new(), 10, NOW), RangeVerdict::Whole);
    assert_eq!(resolve(&HeaderMap::new(), &HeaderMap::new(), 10, NOW), RangeVerdict::Whole);
}

#[test]
fn rfc_9110_15_5_17_ranges_beyond_the_end_are_not_satisfiable() {
    for (range, length, expected) in [
        ("bytes=10-", 10, RangeVerdict::NotSatisfiable),
        ("bytes=10-20,30-", 10, RangeVerdict::NotSatisfiable),
        ("bytes=-0", 10, RangeVerdict::NotSatisfiable),
        ("bytes=99999999999999999999999-", 10, RangeVerdict::NotSatisfiable),
        ("bytes=0-", 0, RangeVerdict::Whole),
        ("bytes=-1", 0, RangeVerdict::Whole),
    ] {
        check(range, length, &expected);
    }
    assert_eq!(content_range_unsatisfied(10), "bytes */10");
}

#[test]
fn rfc_9110_14_2_several_ranges_within_bounds_are_answered_in_their_order() {
    check("bytes=0-1,4-5", 10, &multiple(&[(0, 1), (4, 5)]));
    check("bytes=4-5, 0-1", 10, &multiple(&[(4, 5), (0, 1)]));
    check("bytes=0-1,-1,20-", 10, &multiple(&[(0, 1), (9, 9)]));
    check("bytes=0-5,4-6", 10, &multiple(&[(0, 5), (4, 6)]));
    let sixteen: Vec<String> = (0..16).map(|i| format!("{0}-{0}", i * 2)).collect();
    let expected: Vec<(u64, u64)> = (0..16).map(|i| (i * 2, i * 2)).collect();
    check(&format!("bytes={}", sixteen.join(",")), 100, &multiple(&expected));
}

#[test]
fn rfc_9110_17_15_too_many_or_overlapping_ranges_yield_the_whole() {
    let seventeen: Vec<String> = (0..17).map(|i| format!("{0}-{0}", i * 2)).collect();
    check(&format!("bytes={}", seventeen.join(",")), 100, &RangeVerdict::Whole);
    check("bytes=0-,0-,0-,0-", 100, &RangeVerdict::Whole);
    check("bytes=0-9,1-2,3-4,5-6", 100, &RangeVerdict::Whole);
}

#[test]
fn rfc_9110_13_1_5_if_range_by_entity_tag_is_a_strong_comparison() {
    for (if_range, etag, expected) in [
        ("\"a\"", "\"a\"", single(0, 1)),
        ("\"a\"", "\"b\"", RangeVerdict::Whole),
        ("W/\"a\"", "W/\"a\"", RangeVerdict::Whole),
        ("\"a\"", "W/\"a\"", RangeVerdict::Whole),
        ("\"a\", \"b\"", "\"a\"", RangeVerdict::Whole),
        ("a", "a", RangeVerdict::Whole),
        ("*", "\"a\"", RangeVerdict::Whole),
    ] {
        let request = headers(&[(RANGE, "bytes=0-1"), (IF_RANGE, if_range)]);
        assert_eq!(resolve(&request, &headers(&[(ETAG, etag)]), 10, NOW), expected, "{if_range} {etag}");
    }
}

#[test]
fn rfc_9110_13_1_5_if_range_by_date_wants_the_very_date_and_a_strong_one() {
    let old = "Wed, 01 Jan 2020 00:00:00 GMT";
    let next_second = "Wed, 01 Jan 2020 00:00:01 GMT";
    for (if_range, modified, date, expected) in [
        (old, Some(old), Some(next_second), single(0, 1)),
        (old, Some(old), Some(old), RangeVerdict::Whole),
        (old, Some(old), None, RangeVerdict::Whole),
        (next_second, Some(old), Some("Wed, 01 Jan 2020 00:10:00 GMT"), RangeVerdict::Whole),
        (old, None, Some(next_second), RangeVerdict::Whole),
    ] {
        let request = headers(&[(RANGE, "bytes=0-1"), (IF_RANGE, if_range)]);
        let lines = [(LAST_MODIFIED, modified), (DATE, date)];
        let selected: Vec<_> = lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        assert_eq!(resolve(&request, &headers(&selected), 10, NOW), expected, "{if_range} {modified:?} {date:?}");
    }
}

#[test]
fn rfc_9110_14_4_content_range_is_written_as_it_is_read() {
    let range = ByteRange { first: 4, last: 9 };
    assert_eq!(content_range(range, 10), "bytes 4-9/10");
    assert_eq!(content_range_of_part(range, None), "bytes 4-9/*");
    assert_eq!(content_range_of_part(range, Some(10)), "bytes 4-9/10");
}

proptest! {
    #[test]
    fn every_range_resolved_lies_within_the_representation(
        set in "bytes=(([0-9]{0,3}|[0-9]{18,21})-([0-9]{0,3}|[0-9]{18,21}),?){1,5}",
        length in prop_oneof![0_u64..200, any::<u64>()],
    ) {
        let ranges = match resolve(&headers(&[(RANGE, &set)]), &HeaderMap::new(), length, NOW) {
            RangeVerdict::Single(range) => vec![range],
            RangeVerdict::Multiple(ranges) => ranges,
            RangeVerdict::Whole | RangeVerdict::NotSatisfiable => vec![],
        };
        for range in ranges {
            prop_assert!(range.first <= range.last && range.last < length);
            prop_assert!(range.len() <= length);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(line) = HeaderValue::from_bytes(&bytes) {
            let _ = parse_range(&HeaderMap::from_iter([(RANGE, line)]));
        }
    }
}
