//! When a line was logged, in the ways in which logs say it.

use crate::clock::Timestamp;

/// The time of the common log format, what stands between its brackets: `10/Oct/2000:13:55:36 -0700`.
pub(super) fn common(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 26 || !text.is_ascii() || bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' {
        return None;
    }
    let month = match &text[3..6] {
        "Jan" => "01",
        "Feb" => "02",
        "Mar" => "03",
        "Apr" => "04",
        "May" => "05",
        "Jun" => "06",
        "Jul" => "07",
        "Aug" => "08",
        "Sep" => "09",
        "Oct" => "10",
        "Nov" => "11",
        "Dec" => "12",
        _ => return None,
    };
    // The same as RFC 3339 has it: 2000-10-10T13:55:36Z.
    let mut rewritten = *b"0000-00-00T00:00:00Z";
    rewritten[..4].copy_from_slice(&bytes[7..11]);
    rewritten[5..7].copy_from_slice(month.as_bytes());
    rewritten[8..10].copy_from_slice(&bytes[..2]);
    rewritten[11..19].copy_from_slice(&bytes[12..20]);
    let local = Timestamp::parse_rfc3339(std::str::from_utf8(&rewritten).ok()?)?;
    local.at_offset(text.get(20..)?.strip_prefix(' ')?)
}

/// RFC 3339, as Larder writes it and as nginx's `$time_iso8601` does.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_offsets() {
        let rows = [
            (common("10/Oct/2000:13:55:36 -0700"), Some(971_211_336_000)),
            (common("01/Jan/1970:01:00:00 +0100"), Some(0)),
            (common("01/Jan/1970:01:00:00"), None),
            (common("01/Jan/1970:01:00:00 +01:0"), None),
            (common("32/Jan/1970:01:00:00 +0100"), None),
            (common("01/jan/1970:01:00:00 +0100"), None),
            (common("\u{e9}\u{e9}/Jan/1970:01:00:00 +010"), None),
            (rfc3339("1970-01-01T00:00:01.250Z"), Some(1_250)),
            (rfc3339("1970-01-01T02:00:01+02:00"), Some(1_000)),
            (rfc3339("1970-01-01T02:00:01"), None),
            (rfc3339("Z"), None),
            (rfc3339("\u{e9}\u{e9}\u{e9}x"), None),
            (rfc3339(""), None),
        ];
        for (row, (read, expected)) in rows.into_iter().enumerate() {
            assert_eq!(read, expected.map(Timestamp::from_millis), "row {row}");
        }
    }
}
