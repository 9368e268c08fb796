//! The Huffman code for strings: RFC 7541 appendix B. Codes of one length follow one another in the order of their symbols, so
//! the lengths alone make the code.

use std::sync::OnceLock;

/// The length in bits of the code of each byte.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
/// The longest code.
const LENGTH_MAX: usize = 30;
/// What may fill the last byte is shorter than this.
const PADDING_BITS: usize = 8;

/// The code, by the length of its words.
struct Code {
    /// The first word of each length, and behind which symbols those of that length stand.
    first: [(u32, usize); LENGTH_MAX + 1],
    /// How many words have each length.
    count: [u32; LENGTH_MAX + 1],
    /// The symbols in the order of their words.
    symbols: Vec<u8>,
}

fn code() -> &'static Code {
    static CODE: OnceLock<Code> = OnceLock::new();
    CODE.get_or_init(|| {
        let mut code =
            Code { first: [(0, 0); LENGTH_MAX + 1], count: [0; LENGTH_MAX + 1], symbols: Vec::with_capacity(256) };
        let mut word = 0;
        for length in 1..=LENGTH_MAX {
            word <<= 1;
            code.first[length] = (word, code.symbols.len());
            let of_length = (0..=u8::MAX).filter(|symbol| usize::from(LENGTHS[usize::from(*symbol)]) == length);
            code.symbols.extend(of_length);
            code.count[length] = u32::try_from(code.symbols.len() - code.first[length].1).unwrap_or(0);
            word += code.count[length];
        }
        code
    })
}

/// Decodes a string; `None` if it is not in this code. It is never longer than 8/5 of its code.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let code = code();
    let mut decoded = Vec::with_capacity(coded.len() + coded.len() / 2);
    let (mut word, mut length) = (0_u32, 0_usize);
    for byte in coded {
        for bit in (0..8).rev() {
            word = word << 1 | u32::from(byte >> bit & 1);
            length += 1;
            if length > LENGTH_MAX {
                return None;
            }
            let (first, before) = code.first[length];
            // Words that are shorter than any of this length's are longer words' beginnings.
            let nth = word.wrapping_sub(first);
            if word >= first && nth < code.count[length] {
                decoded.push(*code.symbols.get(before + nth as usize)?);
                (word, length) = (0, 0);
            }
        }
    }
    // What fills the last byte is the beginning of the longest word: ones (RFC 7541 section 5.2).
    let is_padding = length < PADDING_BITS && word == (1 << length) - 1;
    is_padding.then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7541_c_4_and_c_6_strings_are_decoded() {
        for (coded, expected) in [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..], Some("www.example.com")),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], Some("no-cache")),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f], Some("custom-key")),
            (&[0x64, 0x02], Some("302")),
            (&[], Some("")),
            // Padding with zeros, a whole byte of padding, the end of string itself.
            (&[0x18], None),
            (&[0x64, 0x02, 0xff], None),
            (&[0xff, 0xff, 0xff, 0xff], None),
        ] {
            assert_eq!(decode(coded).as_deref(), expected.map(str::as_bytes), "{coded:02x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics_or_grows_beyond_its_bound(coded in proptest::collection::vec(0_u8.., 0..200)) {
            if let Some(decoded) = decode(&coded) {
                assert!(decoded.len() <= coded.len() * 8 / 5);
            }
        }
    }
}
