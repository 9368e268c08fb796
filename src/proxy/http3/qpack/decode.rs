//! A field section is read: RFC 9204 section 4.5.

use super::{huffman, integer, static_table};
use std::borrow::Cow;

/// What a field costs besides its name and value: RFC 9114 section 4.2.2.
const FIELD_BYTES: usize = 32;

/// A name or a value.
pub(in crate::proxy::http3) type Text = Cow<'static, [u8]>;

/// Why a section can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy::http3) enum DecodeError {
    /// It holds more than the limit.
    TooLarge,
    /// It is broken, or refers to what was never offered.
    Broken,
}

/// Reads the fields of a section, in their order, which may hold so many bytes.
pub(in crate::proxy::http3) fn decode(section: &[u8], bytes_max: usize) -> Result<Vec<(Text, Text)>, DecodeError> {
    let mut input = section;
    // Whatever it may refer to lies in the table that isn't offered.
    if integer::take(&mut input, 8) != Some(0) {
        return Err(DecodeError::Broken);
    }
    integer::take(&mut input, 7).ok_or(DecodeError::Broken)?;
    let (mut fields, mut bytes) = (Vec::new(), 0);
    while !input.is_empty() {
        let (name, value) = field(&mut input).ok_or(DecodeError::Broken)?;
        bytes += name.len() + value.len() + FIELD_BYTES;
        if bytes > bytes_max {
            return Err(DecodeError::TooLarge);
        }
        fields.push((name, value));
    }
    Ok(fields)
}

/// The next field line; `None` if it is none, or refers to the dynamic table.
fn field(input: &mut &[u8]) -> Option<(Text, Text)> {
    let first = *input.first()?;
    if first & 0b1100_0000 == 0b1100_0000 {
        let (name, value) = static_table::field(integer::take(input, 6)?)?;
        return Some((Cow::Borrowed(name.as_bytes()), Cow::Borrowed(value.as_bytes())));
    }
    if first & 0b1101_0000 == 0b0101_0000 {
        let (name, _) = static_table::field(integer::take(input, 4)?)?;
        return Some((Cow::Borrowed(name.as_bytes()), string(input, 7)?));
    }
    if first & 0b1110_0000 == 0b0010_0000 {
        return Some((string(input, 3)?, string(input, 7)?));
    }
    None
}

/// A string, whose length has so many bits of the first byte, behind the one that says how it is written.
fn string(input: &mut &[u8], prefix_bits: u32) -> Option<Text> {
    let is_coded = input.first()? >> prefix_bits & 1 == 1;
    let length = usize::try_from(integer::take(input, prefix_bits)?).ok()?;
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    if is_coded { huffman::decode(text).map(Cow::Owned) } else { Some(Cow::Owned(text.to_vec())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(section: &[u8]) -> Result<Vec<(String, String)>, DecodeError> {
        let text = |text: Text| String::from_utf8(text.into_owned()).unwrap();
        decode(section, 1000).map(|fields| fields.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[test]
    fn rfc_9204_4_5_field_lines_are_read() {
        let section = [
            &[0, 0, 0xd1][..], // :method GET
            &[0x51, 0x0b],
            b"/index.html", // :path, literal (RFC 9204 appendix B.1)
            &[0x23],
            b"x-a",
            &[0x02],
            b"bc",                     // both literal
            &[0x51, 0x82, 0x64, 0x02], // a value in Huffman's code
        ]
        .concat();
        let pairs = [(":method", "GET"), (":path", "/index.html"), ("x-a", "bc"), (":path", "302")];
        assert_eq!(decoded(&section).unwrap(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_broken_or_refers_to_the_dynamic_table_is_refused() {
        for section in [
            &[][..],
            &[0],
            &[1, 0, 0xd1],
            &[0, 0, 0x80],
            &[0, 0, 0x10],
            &[0, 0, 0x40, 0],
            &[0, 0, 0x00, 0],
            &[0, 0, 0xff, 0x7f],
            &[0, 0, 0x51, 0x05, b'/'],
            &[0, 0, 0x23, b'x'],
        ] {
            assert_eq!(decoded(section), Err(DecodeError::Broken), "{section:x?}");
        }
    }

    #[test]
    fn a_section_is_counted_as_rfc_9114_4_2_2_counts_it() {
        let section = [&[0, 0][..], &[0xd1; 20]].concat();
        let bytes = 20 * (":method".len() + "GET".len() + FIELD_BYTES);
        assert_eq!(decode(&section, bytes).map(|fields| fields.len()), Ok(20));
        assert_eq!(decode(&section, bytes - 1), Err(DecodeError::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(section in proptest::collection::vec(0_u8.., 0..300)) {
            let _ = decode(&section, 4096);
        }
    }
}
