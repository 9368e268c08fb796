//! What numbers and dates are called, from how the binary log writes them.

/// Digits that are written together, and the bytes of fewer.
const TOGETHER: usize = 9;
const BYTES: [usize; TOGETHER + 1] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// The most digits of a decimal.
const DIGITS_MAX: usize = 65;

/// A number with the lowest byte first. Whether it has a sign, the log does not say in a way that can be relied on: where it matters, it is called both.
pub(super) fn integer(bytes: &[u8]) -> Option<Vec<String>> {
    let high = bytes.last()?;
    let filled = |filler: u8| {
        let mut all = [filler; 8];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(all)
    };
    let unsigned = u64::from_le_bytes(filled(0)?).to_string();
    if high & 0x80 == 0 {
        return Some(vec![unsigned]);
    }
    Some(vec![i64::from_le_bytes(filled(0xff)?).to_string(), unsigned])
}

/// A floating-point number is called something only if it is whole: the text of others is each reader's own.
pub(super) fn whole(number: f64) -> Option<Vec<String>> {
    const EXACT_MAX: f64 = 1e15;
    let is_whole = number.is_finite() && number.fract() == 0.0 && number.abs() < EXACT_MAX;
    is_whole.then(|| vec![format!("{number:.0}"), format!("{number:.1}")])
}

/// How many bytes a decimal has; `None` for one that can't be.
pub(super) fn decimal_bytes(precision: usize, scale: usize) -> Option<usize> {
    let whole = precision.checked_sub(scale).filter(|_| precision <= DIGITS_MAX)?;
    let bytes = |digits: usize| digits / TOGETHER * 4 + BYTES[digits % TOGETHER];
    Some(bytes(whole) + bytes(scale))
}

/// A decimal: groups of nine digits in four bytes each, fewer at both ends; the first bit is 1 unless it is negative, and
/// then all are turned round.
pub(super) fn decimal(bytes: &[u8], precision: usize, scale: usize) -> Option<String> {
    let whole = precision.checked_sub(scale)?;
    let is_negative = bytes.first()? & 0x80 == 0;
    let mut bytes: Vec<u8> = bytes.iter().map(|byte| if is_negative { !byte } else { *byte }).collect();
    *bytes.first_mut()? ^= 0x80;
    let mut rest = bytes.as_slice();
    let mut group = |digits: usize| {
        let (group, behind) = rest.split_at_checked(BYTES[digits])?;
        rest = behind;
        let number = group.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(if digits == 0 { String::new() } else { format!("{number:0digits$}") })
    };
    let mut text = group(whole % TOGETHER)?;
    for _ in 0..whole / TOGETHER {
        text += &group(TOGETHER)?;
    }
    let mut fraction = String::new();
    for _ in 0..scale / TOGETHER {
        fraction += &group(TOGETHER)?;
    }
    fraction += &group(scale % TOGETHER)?;
    let whole = text.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if is_negative { "-" } else { "" };
    Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// A date in three bytes.
pub(super) fn date(bytes: &[u8]) -> Option<String> {
    let [low, middle, high] = *bytes else { return None };
    let number = u32::from_le_bytes([low, middle, high, 0]);
    Some(format!("{:04}-{:02}-{:02}", number >> 9, number >> 5 & 15, number & 31))
}

/// A date and a time, called with a blank and with a T between them.
pub(super) fn date_time(bytes: &[u8], digits: u8) -> Option<Vec<String>> {
    let (packed, fraction) = bytes.split_at_checked(5)?;
    let number = packed.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let number = number.checked_sub(1 << 39)?;
    let (date, time) = (number >> 17, number & ((1 << 17) - 1));
    let (months, day) = (date >> 5, date & 31);
    let (hour, minute, second) = (time >> 12, time >> 6 & 63, time & 63);
    let date = format!("{:04}-{:02}-{day:02}", months / 13, months % 13);
    let mut time = format!("{hour:02}:{minute:02}:{second:02}");
    if digits > 0 {
        let number = fraction.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let written = usize::from(digits.div_ceil(2)) * 2;
        let all = format!("{number:0written$}");
        time = format!("{time}.{}", all.get(..usize::from(digits))?);
    }
    Some(vec![format!("{date} {time}"), format!("{date}T{time}")])
}
