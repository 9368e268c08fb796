//! What the targets share: header lines from raw input.

use http::{HeaderMap, HeaderName, HeaderValue};

/// One line of `name` for each line of the input that can be a field value.
#[must_use]
pub fn lines_of(name: &HeaderName, input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(16) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    headers
}

/// The first `N` bytes as a number and the rest; none where there are fewer.
#[must_use]
pub fn number(input: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = input.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*first), rest))
}
