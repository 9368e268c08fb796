//! Literal path text in patterns, settled as request paths are: RFC 3986 section 6.2.2.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode_byte};

/// What is percent-encoded in a part of a URL: all but unreserved characters (RFC 3986 section 2.3).
pub(crate) const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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
                    settled.push_str(percent_encode_byte(decoded));
                }
            }
            b' ' | 0x80..=0xff => settled.push_str(percent_encode_byte(byte)),
            _ => settled.push(char::from(byte)),
        }
    }
    Ok(settled)
}

fn decode(digits: [Option<u8>; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit?).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
