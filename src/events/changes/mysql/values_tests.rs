//! What values are called, from the bytes that a MariaDB 10.11 writes.

use super::*;

fn column(kind: ColumnType, charset: Charset) -> Column {
    let members = ["x", "y"].map(|name| name.as_bytes().to_vec()).to_vec();
    Column { name: None, kind, charset, members }
}

#[test]
fn a_value_is_called_as_a_tag_or_a_url_would_name_it() {
    const NOTHING: &[&str] = &[];
    let text = |form| ColumnType::Text { length_bytes: 1, form };
    let decimal = ColumnType::Decimal { precision: 10, scale: 2 };
    for (kind, charset, bytes, expected) in [
        (ColumnType::Integer(1), Charset::Unknown, &[5_u8][..], Some(&["5"] as &[&str])),
        // Without a sign or with one: the log does not say.
        (ColumnType::Integer(1), Charset::Unknown, &[0xff], Some(&["-1", "255"])),
        (ColumnType::Integer(3), Charset::Unknown, &[0x01, 0x00, 0x80], Some(&["-8388607", "8388609"])),
        (ColumnType::Integer(8), Charset::Unknown, &[0xff; 8], Some(&["-1", "18446744073709551615"])),
        (ColumnType::Float, Charset::Unknown, &42_f32.to_le_bytes(), Some(&["42", "42.0"])),
        (ColumnType::Double, Charset::Unknown, &1.5_f64.to_le_bytes(), None),
        (ColumnType::Double, Charset::Unknown, &f64::NAN.to_le_bytes(), None),
        (decimal, Charset::Unknown, &[0x80, 0, 0, 0x2a, 0], Some(&["42", "42.00"])),
        (decimal, Charset::Unknown, &[0x7f, 0xff, 0xff, 0xd5, 0xff], Some(&["-42", "-42.00"])),
        (decimal, Charset::Unknown, &[0x80, 0, 0, 0, 5], Some(&["0.05"])),
        (
            ColumnType::Decimal { precision: 20, scale: 0 },
            Charset::Unknown,
            &[0x80, 0, 0, 0, 1, 0, 0, 0, 7],
            Some(&["1000000007"]),
        ),
        (ColumnType::Year, Charset::Unknown, &[124], Some(&["2024"])),
        (ColumnType::Year, Charset::Unknown, &[0], Some(&["0", "0000"])),
        (ColumnType::Date, Charset::Unknown, &[0x22, 0xd0, 0x0f], Some(&["2024-01-02"])),
        (
            ColumnType::DateTime(3),
            Charset::Unknown,
            &[0x99, 0xb2, 0x44, 0x31, 0x05, 0x1a, 0x7c],
            Some(&["2024-01-02 03:04:05.678", "2024-01-02T03:04:05.678"]),
        ),
        (ColumnType::Bit(2), Charset::Unknown, &[1, 1], Some(&["257"])),
        (ColumnType::Enum(1), Charset::Utf8, &[2], Some(&["y"])),
        (ColumnType::Enum(1), Charset::Utf8, &[0], Some(NOTHING)),
        (ColumnType::Enum(1), Charset::Utf8, &[3], None),
        (ColumnType::Set(1), Charset::Utf8, &[3], Some(&["x", "y"])),
        (ColumnType::Set(1), Charset::Utf8, &[0], Some(NOTHING)),
        (text(Form::Variable), Charset::Utf8, "red shoes".as_bytes(), Some(&["red shoes"])),
        (text(Form::Variable), Charset::Utf8, &[], Some(NOTHING)),
        (text(Form::Variable), Charset::Utf8, &[0xff], None),
        (text(Form::Fixed), Charset::Latin1, &[b'c', b'a', b'f', 0xe9, 0x80], Some(&["café€"])),
        (text(Form::Variable), Charset::WithAscii, b"ascii", Some(&["ascii"])),
        (text(Form::Variable), Charset::WithAscii, &[0xc4, 0xe3], None),
        (text(Form::Variable), Charset::Unknown, b"N-", None),
        (text(Form::Variable), Charset::Binary, b"ab", Some(&["ab"])),
        (text(Form::Variable), Charset::Binary, &[1, 2], None),
        // It may be a UUID or an address.
        (text(Form::Fixed), Charset::Binary, b"abcdabcdabcdabcd", None),
        (text(Form::Long), Charset::Utf8Binary, br#"["a", 2, null]"#, Some(&["a", "2"])),
        (text(Form::Long), Charset::Utf8Binary, br#"{"a": 1}"#, None),
        (text(Form::Long), Charset::Utf8Binary, b"no JSON", Some(&["no JSON"])),
        (text(Form::Long), Charset::Utf8, b"[1]", Some(&["[1]"])),
        (ColumnType::Opaque(4), Charset::Unknown, &[0; 4], None),
        (ColumnType::OpaqueText { length_bytes: 1, is_counted: true }, Charset::Unknown, &[0], None),
    ] {
        let found = names(&column(kind, charset), bytes);
        let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(found, expected, "{kind:?} {charset:?} {bytes:?}");
    }
}
