//! Weighted lists, `gzip;q=0.5, br`: RFC 9110 section 12.4.2 and 5.6.1.

use http::HeaderValue;

/// A quality in thousandths, 0 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quality(u16);

impl Quality {
    /// Not acceptable.
    pub(super) const ZERO: Self = Self(0);
    /// What a member has that names none.
    pub(super) const ONE: Self = Self(1000);

    /// Reads a qvalue: `0[.ddd]` or `1[.000]`.
    fn parse(text: &[u8]) -> Option<Self> {
        let (whole, fraction) = match text {
            [whole @ (b'0' | b'1')] => (whole, &[][..]),
            [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
            _ => return None,
        };
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digit = |index: usize| fraction.get(index).map_or(0, |digit| u16::from(digit - b'0'));
        let thousandths = u16::from(whole - b'0') * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2);
        (thousandths <= 1000).then_some(Self(thousandths))
    }

    /// Appends the shortest way to write it, without trailing zeros.
    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        out.extend_from_slice(text.trim_end_matches('0').trim_end_matches('.').as_bytes());
    }
}

/// One member of a weighted list; the quality is `None` if it is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weighted<'a> {
    /// What is weighed, without white space around it.
    pub(super) item: &'a [u8],
    /// How much it is wanted.
    pub(super) quality: Option<Quality>,
}

/// The members of a weighted list over all lines of a field; empty members are passed over.
pub(super) fn weighted<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> impl Iterator<Item = Weighted<'a>> {
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).filter_map(|member| {
        let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let item = parts.next().filter(|item| !item.is_empty())?;
        let quality = parts.find_map(|parameter| match parameter {
            [b'q' | b'Q', b'=', value @ ..] => Some(Quality::parse(value)),
            _ => None,
        });
        Some(Weighted { item, quality: quality.unwrap_or(Some(Quality::ONE)) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9110_12_4_2_a_quality_has_at_most_three_decimals_and_is_at_most_one() {
        for (text, expected) in [
            ("0", Some("0")),
            ("1", Some("1")),
            ("0.", Some("0")),
            ("1.000", Some("1")),
            ("0.5", Some("0.5")),
            ("0.050", Some("0.05")),
            ("0.001", Some("0.001")),
            ("0.0001", None),
            ("1.001", None),
            ("2", None),
            ("", None),
            (".5", None),
            ("-1", None),
            ("0.a", None),
            ("0,5", None),
        ] {
            let written = Quality::parse(text.as_bytes()).map(|quality| {
                let mut out = Vec::new();
                quality.append_to(&mut out);
                String::from_utf8(out).unwrap()
            });
            assert_eq!(written.as_deref(), expected, "{text}");
        }
    }
}
