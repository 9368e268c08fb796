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

    /// As the value of X-Request-Id. It is never indexed (RFC 7541 section 6.2.3): each is sent once, and would take the place
    /// of values that come again.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let mut value = match self {
            Self::Given(id) => id.clone(),
            Self::Made(bits) => {
                let digits = digits(*bits);
                HeaderValue::from_bytes(&digits).expect("hexadecimal digits make a field value")
            }
        };
        value.set_sensitive(true);
        value
    }
}

/// The digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 0xf]];
        byte += 1;
    }
    pairs
};

fn digits(bits: u128) -> [u8; 32] {
    let mut text = [0; 32];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bits.to_be_bytes()) {
        *pair = PAIRS[usize::from(byte)];
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
