//! The ids of plain hits: numbered from a random start, since drawing each anew would cost a hit more than all the rest
//! of its head. The field that says one is kept as text and counted on in place, since that costs a tenth of writing it.

use crate::proxy::request_id::RequestId;
use http::HeaderValue;

const NAME: &[u8] = b"x-request-id: ";
const END: &[u8] = b"\r\n\r\n";
const DIGITS: std::ops::Range<usize> = NAME.len()..NAME.len() + 32;

/// The ids of one connection's plain hits.
#[derive(Debug)]
pub(super) struct RequestIds {
    last: u128,
    /// The field with the last one, and the empty line that ends a head.
    field: [u8; NAME.len() + 32 + END.len()],
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::from(rand::random::<u128>())
    }
}

impl From<u128> for RequestIds {
    fn from(last: u128) -> Self {
        let mut field = [0; _];
        let text = format!("{last:032x}");
        for (byte, from) in field.iter_mut().zip(NAME.iter().chain(text.as_bytes()).chain(END)) {
            *byte = *from;
        }
        Self { last, field }
    }
}

impl RequestIds {
    /// Writes the id of the next request as the last field of a head: the one that it was given, else one that nothing
    /// else has.
    pub(super) fn write_next(&mut self, given: Option<&HeaderValue>, head: &mut Vec<u8>) -> RequestId {
        if let Some(given) = given {
            for part in [NAME, given.as_bytes(), END] {
                head.extend_from_slice(part);
            }
            return RequestId::Given(given.clone());
        }
        self.last = self.last.wrapping_add(1);
        count_on(&mut self.field[DIGITS]);
        head.extend_from_slice(&self.field);
        RequestId::Made(self.last)
    }
}

/// Adds one to a hexadecimal number.
fn count_on(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        match digit {
            b'f' => *digit = b'0',
            b'9' => return *digit = b'a',
            _ => return *digit += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_is_shown() {
        for last in [0, 8, 9, 14, 15, 0xff, 0x99, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX - 1, u128::MAX] {
            let mut ids = RequestIds::from(last);
            for _ in 0..300 {
                let mut head = Vec::new();
                let id = ids.write_next(None, &mut head);
                assert_eq!(head, format!("x-request-id: {id}\r\n\r\n").as_bytes());
            }
        }
        let mut head = Vec::new();
        let given = HeaderValue::from_static("edge-1");
        assert_eq!(RequestIds::default().write_next(Some(&given), &mut head), RequestId::Given(given));
        assert_eq!(head, b"x-request-id: edge-1\r\n\r\n");
    }
}
