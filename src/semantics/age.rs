//! The Age field: RFC 9111 section 5.1, with the delta-seconds of section 1.2.2.

use http::HeaderMap;
use http::header::AGE;
use std::time::Duration;

/// What a delta-seconds value too large to represent counts as: 2^31 seconds, RFC 9111 section 1.2.2.
pub(crate) const DELTA_SECONDS_MAX: Duration = Duration::from_secs(1 << 31);

/// Reads delta-seconds, `1*DIGIT`; a larger value than [`DELTA_SECONDS_MAX`] counts as that. None for anything else.
pub(crate) fn parse_delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = text.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_secs(seconds).min(DELTA_SECONDS_MAX))
}

/// The value of Age. Of a list, or of several lines, the first member counts; where that is no delta-seconds the field
/// is ignored (RFC 9111 section 5.1).
pub(crate) fn age_of(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(AGE).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    members.find(|member| !member.is_empty()).and_then(parse_delta_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn age(lines: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AGE, HeaderValue::from_str(line).expect("a field value"));
        }
        age_of(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn the_first_member_counts_where_it_is_valid() {
        const MAX: u64 = 2_147_483_648;
        let rows: &[(&[&str], Option<u64>)] = &[
            (&[], None),
            (&["0"], Some(0)),
            (&["7200"], Some(7200)),
            (&["007"], Some(7)),
            // Section 1.2.2: overflow saturates.
            (&["2147483647"], Some(MAX - 1)),
            (&["2147483648"], Some(MAX)),
            (&["2147483649"], Some(MAX)),
            (&["99999999999999999999999999999999"], Some(MAX)),
            // Section 5.1: the first member of a list.
            (&["7200, 0"], Some(7200)),
            (&["0, 7200"], Some(0)),
            (&["7200", "0"], Some(7200)),
            (&["0", "7200"], Some(0)),
            (&[",  5 "], Some(5)),
            (&["0, abc"], Some(0)),
            // Section 5.1: what is no delta-seconds is ignored, and the next member does not stand in for it.
            (&["abc"], None),
            (&["abc, 5"], None),
            (&["-7200"], None),
            (&["+5"], None),
            (&["7200.0"], None),
            (&["7200;foo=bar"], None),
            (&["\"5\""], None),
            (&[""], None),
        ];
        for (lines, expected) in rows {
            assert_eq!(age(lines), *expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn delta_seconds_never_panic_and_never_pass_the_maximum(text in prop::collection::vec(any::<u8>(), 0..60)) {
            let read = parse_delta_seconds(&text);
            prop_assert!(read.is_none_or(|value| value <= DELTA_SECONDS_MAX));
            prop_assert_eq!(read.is_some(), !text.is_empty() && text.iter().all(u8::is_ascii_digit));
        }

        #[test]
        fn delta_seconds_grow_with_their_number(one in any::<u64>(), other in any::<u64>()) {
            let read = |number: u64| parse_delta_seconds(number.to_string().as_bytes());
            prop_assert_eq!(one.min(1 << 31).cmp(&other.min(1 << 31)), read(one).cmp(&read(other)));
        }
    }
}
