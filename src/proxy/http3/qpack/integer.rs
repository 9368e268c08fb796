//! Integers that begin within a byte: RFC 7541 section 5.1, RFC 9204 section 4.1.1.

/// Bits behind the prefix of the longest integer that is understood: RFC 9204 wants 62.
const SHIFT_MAX: u32 = 56;

/// Takes an integer whose first byte has so many bits for it; `None` if it ends early or is too large.
pub(super) fn take(input: &mut &[u8], prefix_bits: u32) -> Option<u64> {
    let mask = u8::MAX >> (8 - prefix_bits);
    let first = take_byte(input)? & mask;
    let mut value = u64::from(first);
    if first < mask {
        return Some(value);
    }
    let mut shift = 0;
    loop {
        let byte = take_byte(input)?;
        if shift > SHIFT_MAX {
            return None;
        }
        value = value.checked_add(u64::from(byte & 0x7f) << shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

/// Takes a byte.
fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = input.split_first()?;
    *input = rest;
    Some(*byte)
}

/// Writes an integer behind the flags that share its first byte.
pub(super) fn put(flags: u8, prefix_bits: u32, value: u64, out: &mut Vec<u8>) {
    let mask = u8::MAX >> (8 - prefix_bits);
    if let Ok(short) = u8::try_from(value)
        && short < mask
    {
        out.push(flags | short);
        return;
    }
    out.push(flags | mask);
    let mut rest = value - u64::from(mask);
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7541_c_1_integers_are_read_and_written() {
        for (prefix_bits, value, expected) in
            [(5, 10, &[10][..]), (5, 1337, &[31, 154, 10]), (8, 42, &[42]), (3, 7, &[7, 0]), (6, 62, &[62])]
        {
            let mut out = Vec::new();
            put(0, prefix_bits, value, &mut out);
            assert_eq!(out, expected, "{value}");
            assert_eq!(take(&mut &out[..], prefix_bits), Some(value));
        }
    }

    #[test]
    fn what_ends_early_or_is_too_large_is_refused() {
        for bytes in [&[][..], &[0xff], &[0xff, 0x80], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
        {
            assert_eq!(take(&mut &bytes[..], 8), None, "{bytes:x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_integer_comes_back(value in 0_u64..1 << 62, prefix_bits in 3_u32..=8) {
            let mut out = Vec::new();
            put(0, prefix_bits, value, &mut out);
            assert_eq!(take(&mut &out[..], prefix_bits), Some(value));
        }
    }
}
