//! HTTP dates, RFC 9110 section 5.6.7.

use super::*;
use proptest::prelude::*;

/// 2026-11-22 00:00:00
const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

fn secs(text: &str) -> Option<u64> {
    parse_http_date(text.as_bytes(), NOW).map(Timestamp::as_secs)
}

#[test]
fn all_three_formats_name_the_same_instant() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "sUN, 06 nOV 1994 08:49:37 gmt",
        "SUNDAY, 06-NOV-94 08:49:37 gMt",
        "sun nov  6 08:49:37 1994",
        // The weekday is one, though not that day's.
        "Thu, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(secs(text), Some(784_111_777), "{text}");
    }
}

#[test]
fn dates_are_counted_by_the_calendar() {
    let rows = [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", 0),
        ("Mon, 01 Jan 0000 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
        ("Wed, 29 Feb 2012 12:00:00 GMT", 1_330_516_800),
        ("Tue, 19 Jan 2038 14:14:08 GMT", 2_147_523_248),
        ("Sun, 21 Nov 2286 04:46:39 GMT", 10_000_039_599),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LAST_SECOND),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ("Thu Aug 18 02:01:18 2050", 2_544_400_878),
        ("Thu Aug  8 02:01:18 2050", 2_543_536_878),
    ];
    for (text, expected) in rows {
        assert_eq!(secs(text), Some(expected), "{text}");
    }
}

#[test]
fn a_two_digit_year_is_never_more_than_fifty_years_ahead() {
    let rows = [
        ("Thursday, 18-Aug-50 02:01:18 GMT", "Thu, 18 Aug 2050 02:01:18 GMT"),
        ("Sunday, 22-Nov-76 00:00:00 GMT", "Sun, 22 Nov 2076 00:00:00 GMT"),
        ("Sunday, 22-Nov-76 00:00:01 GMT", "Mon, 22 Nov 1976 00:00:01 GMT"),
        ("Saturday, 01-Jan-77 00:00:00 GMT", "Sat, 01 Jan 1977 00:00:00 GMT"),
        ("Friday, 31-Dec-99 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:59 GMT"),
        ("Saturday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ];
    for (two_digits, four_digits) in rows {
        assert_eq!(secs(two_digits), secs(four_digits), "{two_digits}");
        assert!(secs(two_digits).is_some(), "{two_digits}");
    }
    // Seen from 2080, the years 00 to 30 are those to come.
    let late = Timestamp::from_secs(secs("Mon, 01 Jan 2080 00:00:00 GMT").expect("a date"));
    let read = parse_http_date(b"Wednesday, 01-Jan-10 00:00:00 GMT", late).map(Timestamp::as_secs);
    assert_eq!(read, secs("Wed, 01 Jan 2110 00:00:00 GMT"));
}

#[test]
fn anything_else_is_no_date() {
    for text in [
        "",
        "0",
        "-1",
        "now",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 AEST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov  1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 23:60:00 GMT",
        "Sun, 06 Nov 1994 23:59:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 1900 00:00:00 GMT",
        "Sat, 29 Feb 2025 00:00:00 GMT",
        "Sun, 06 Nob 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(secs(text), None, "{text}");
    }
}

#[test]
fn dates_are_written_as_imf_fixdate() {
    assert_eq!(format_http_date(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(format_http_date(Timestamp::from_millis(999)), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(format_http_date(Timestamp::from_millis(u64::MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(text in prop::collection::vec(any::<u8>(), 0..40), now in any::<u64>()) {
        let _ = parse_http_date(&text, Timestamp::from_millis(now));
    }

    #[test]
    fn near_dates_are_read_without_panic(
        text in "(Sun|Sunday),? [0-9]{1,2}[ -](Feb|Nov)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        now in any::<u64>(),
    ) {
        let _ = parse_http_date(text.as_bytes(), Timestamp::from_millis(now));
    }

    #[test]
    fn what_is_written_is_read_back(at in 0..=LAST_SECOND, now in any::<u64>()) {
        let written = format_http_date(Timestamp::from_secs(at));
        let read = parse_http_date(written.as_bytes(), Timestamp::from_millis(now));
        prop_assert_eq!(read, Some(Timestamp::from_secs(at)));
    }
}
