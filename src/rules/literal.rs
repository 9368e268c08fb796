//! Literal path text in patterns, settled as request paths are: RFC 3986 section 6.2.2.

use std::fmt::Write as _;

/// Why literal text cannot stand in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiteralError {
    /// `?` or `#`.
    #[error("`{0}` ends the path, so a path pattern cannot hold it")]
    Delimiter(char),
    /// `%` without two hexadecimal digits.
    #[error("`%` must be followed by two hexadecimal digits")]
    PercentEncoding,
    /// A control character.
    #[error("a path cannot hold control characters")]
    Control,
}

impl LiteralError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::Delimiter(_) => Some("the query is not part of the path; say which parameters count with `query`"),
            Self::PercentEncoding => Some("write a percent sign itself as `%25`"),
            Self::Control => None,
        }
    }
}

/// Percent-encodes what a path cannot hold as it is, decodes unreserved characters, and puts the other encodings in
/// upper case.
pub(super) fn settle(text: &str) -> Result<String, LiteralError> {
    let mut settled = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'?' | b'#' => return Err(LiteralError::Delimiter(char::from(byte))),
            0..=0x1f | 0x7f => return Err(LiteralError::Control),
            b'%' => {
                let digits = [bytes.next(), bytes.next()];
                let decoded = decode(digits).ok_or(LiteralError::PercentEncoding)?;
                if is_unreserved(decoded) {
                    settled.push(char::from(decoded));
                } else {
                    encode(decoded, &mut settled);
                }
            }
            b' ' | 0x80..=0xff => encode(byte, &mut settled),
            _ => settled.push(char::from(byte)),
        }
    }
    Ok(settled)
}

/// Decodes percent-encodings; what is malformed stays as it is. The result may be no UTF-8.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, decode([ahead.next(), ahead.next()])) {
            (b'%', Some(value)) => {
                decoded.push(value);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    decoded
}

fn decode(digits: [Option<u8>; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit?).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

fn encode(byte: u8, into: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(into, "%{byte:02X}");
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_keeps_what_is_malformed() {
        for (text, expected) in
            [("a%20b", "a b"), ("%C3%A9", "\u{e9}"), ("%", "%"), ("%2", "%2"), ("%zz%41", "%zzA"), ("%%41", "%A")]
        {
            assert_eq!(percent_decode(text), expected.as_bytes(), "{text}");
        }
    }
}
