//! Which statuses are expected of a health check: `200-399`, `200,204`.

use http::StatusCode;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Statuses and ranges of them, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRanges(Vec<RangeInclusive<u16>>);

/// It is no list of statuses and ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write statuses from 200 to 599 and ranges of them: \"200-399\", \"200,204\"")]
pub struct StatusRangesError;

impl StatusRanges {
    /// Whether a status is among them.
    #[must_use]
    pub fn contains(&self, status: StatusCode) -> bool {
        self.0.iter().any(|range| range.contains(&status.as_u16()))
    }
}

impl FromStr for StatusRanges {
    type Err = StatusRangesError;

    fn from_str(text: &str) -> Result<Self, StatusRangesError> {
        let status = |text: &str| {
            let text = text.trim();
            let number = text.parse().ok().filter(|_| text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()));
            number.filter(|number| (200..=599).contains(number)).ok_or(StatusRangesError)
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let range = status(first)?..=status(last)?;
            if range.is_empty() { Err(StatusRangesError) } else { Ok(range) }
        };
        text.split(',').map(range).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for StatusRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, range) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_ranges_are_read_and_whatever_else_is_refused() {
        let rows: [(&str, &[u16], &[u16]); 4] = [
            ("200-399", &[200, 302, 399], &[400, 503]),
            ("200,204", &[200, 204], &[201, 203, 500]),
            (" 200 - 204 , 401 ", &[200, 204, 401], &[205, 400]),
            ("503", &[503], &[200]),
        ];
        for (text, within, without) in rows {
            let ranges: StatusRanges = text.parse().unwrap();
            let contains = |status: &u16| ranges.contains(StatusCode::from_u16(*status).unwrap());
            assert!(within.iter().all(contains) && !without.iter().any(contains), "{text}");
            assert_eq!(ranges.to_string(), text.replace(' ', ""));
        }
        for text in ["", "abc", "200-", "-399", "399-200", "200;204", "199", "600", "+200", "2xx", "200,", "0200"] {
            assert_eq!(text.parse::<StatusRanges>(), Err(StatusRangesError), "{text}");
        }
    }
}
