//! What names a request, in the log, to the origin and in the answer.

use http::HeaderValue;
use std::fmt;

/// What names one request in the log, to the origin and in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// 128 bits made here.
    Made(u128),
    /// What a trusted proxy named it: visible ASCII without quotes, backslashes and commas.
    Given(HeaderValue),
}

impl RequestId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self::Made(rand::random())
    }

    /// As the value of X-Request-Id.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        match self {
            Self::Given(id) => id.clone(),
            Self::Made(bits) => {
                let digits = digits(*bits);
                HeaderValue::from_bytes(&digits).expect("hexadecimal digits make a field value")
            }
        }
    }
}

fn digits(bits: u128) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bits.to_be_bytes()) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
    }
    text
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(bits) => f.write_str(std::str::from_utf8(&digits(*bits)).unwrap_or_default()),
            Self::Given(id) => f.write_str(id.to_str().unwrap_or_default()),
        }
    }
}
