//! Lengths as seven bits to a byte, the lowest first, the eighth bit telling that more follow: most take one byte.

/// Appends a length.
pub(super) fn put(length: usize, out: &mut Vec<u8>) {
    let mut left = length;
    while left > 0x7f {
        out.push(low_seven_bits(left) | 0x80);
        left >>= 7;
    }
    out.push(low_seven_bits(left));
}

/// Takes a length off the front; `None` if there is no whole one.
pub(super) fn take(from: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for place in 0..usize::BITS.div_ceil(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(length);
        }
    }
    None
}

fn low_seven_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).expect("seven bits fit into eight")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_is_read_again_and_what_follows_is_left() {
        for length in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 1 << 31, usize::MAX] {
            let mut bytes = Vec::new();
            put(length, &mut bytes);
            assert_eq!(bytes.len(), (usize::BITS - length.leading_zeros()).div_ceil(7).max(1) as usize);
            bytes.push(b'x');
            let mut rest = bytes.as_slice();
            assert_eq!(take(&mut rest), Some(length));
            assert_eq!(rest, b"x");
        }
        for broken in [&[][..], &[0x80], &[0xff; 11]] {
            assert_eq!(take(&mut &*broken), None, "{broken:?}");
        }
    }
}
