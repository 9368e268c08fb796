//! When a line was logged, in the ways in which logs say it.

use crate::clock::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

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
    let local = utc(std::str::from_utf8(&rewritten).ok()?)?;
    apply_offset(local, text.get(20..)?.strip_prefix(' ')?)
}

/// RFC 3339, as Larder writes it and as nginx's `$time_iso8601` does: in UTC, or with an offset.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    if text.ends_with('Z') {
        return utc(text);
    }
    let at = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at))?;
    let (local, offset) = text.split_at(at);
    let with_zone = format!("{local}Z");
    apply_offset(utc(&with_zone)?, &offset.replace(':', ""))
}

fn utc(text: &str) -> Option<Timestamp> {
    let since_epoch = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH.saturating_add(since_epoch))
}

/// What `+HHMM` or `-HHMM` makes of a local time.
fn apply_offset(local: Timestamp, offset: &str) -> Option<Timestamp> {
    let (sign, digits) = offset.split_at_checked(1)?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = (digits[..2].parse::<u64>().ok()?, digits[2..].parse::<u64>().ok()?);
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    match sign {
        "+" => Some(local.saturating_sub(offset)),
        "-" => Some(local.saturating_add(offset)),
        _ => None,
    }
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
