//! What a column's value is called, as a tag or a URL would name it.

use super::cursor::Cursor;
use super::numbers;
use crate::events::changes::naming::{json, number};
use serde_json::Value;
use std::collections::HashMap;

/// The longest name of one value, in bytes: beyond, it is no tag.
const NAME_BYTES_MAX: usize = 1 << 16;

/// The collation of MariaDB's JSON columns: `utf8mb4_bin`.
const UTF8MB4_BIN: u64 = 46;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// As [`Self::Utf8`], compared byte by byte: so MariaDB writes JSON.
    Utf8Binary,
    /// Windows-1252, which MySQL calls latin1.
    Latin1,
    /// No text.
    Binary,
    /// Another, in which ASCII is written as such.
    WithAscii,
    Unknown,
}

impl Charset {
    /// By its name.
    fn named(name: &str) -> Self {
        match name {
            "utf8" | "utf8mb3" | "utf8mb4" => Self::Utf8,
            "latin1" => Self::Latin1,
            "binary" => Self::Binary,
            "ucs2" | "utf16" | "utf16le" | "utf32" | "swe7" | "" => Self::Unknown,
            _ => Self::WithAscii,
        }
    }

    /// The text; `None` where it can't be read.
    fn text(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 | Self::Utf8Binary => String::from_utf8(bytes.to_vec()).ok(),
            Self::Latin1 => Some(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
            Self::WithAscii => bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned()),
            // Bytes that are printable text may be meant as such.
            Self::Binary => String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.chars().any(char::is_control)),
            Self::Unknown => None,
        }
    }
}

fn windows_1252(byte: u8) -> char {
    const ABOVE: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    if (0x80..0xa0).contains(&byte) { ABOVE[usize::from(byte - 0x80)] } else { char::from(byte) }
}

/// The character sets of the server's collations, by their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Charsets(HashMap<u64, Charset>);

impl Charsets {
    /// Of the numbers of collations and the names of their character sets.
    pub(super) fn new(named: impl IntoIterator<Item = (u64, String)>) -> Self {
        let charset = |(collation, name): (u64, String)| {
            let charset = if collation == UTF8MB4_BIN { Charset::Utf8Binary } else { Charset::named(&name) };
            (collation, charset)
        };
        Self(named.into_iter().map(charset).collect())
    }

    pub(super) fn of(&self, collation: u64) -> Charset {
        self.0.get(&collation).copied().unwrap_or(Charset::Unknown)
    }
}

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// So many bytes.
    Integer(usize),
    Float,
    Double,
    Decimal {
        precision: usize,
        scale: usize,
    },
    Year,
    Date,
    /// With so many digits of a second.
    DateTime(u8),
    Bit(usize),
    Enum(usize),
    Set(usize),
    /// Text or bytes, behind a length of so many bytes.
    Text {
        length_bytes: usize,
        form: Form,
    },
    /// So many bytes, of which nothing is said: a timestamp, whose text depends on who asks, or a time.
    Opaque(usize),
    /// Behind a length of so many bytes, as before: compressed, binary JSON, geometry.
    OpaqueText {
        length_bytes: usize,
        is_counted: bool,
    },
}

/// What a text's column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// CHAR or BINARY.
    Fixed,
    /// VARCHAR, VARBINARY, TEXT, BLOB.
    Variable,
    /// LONGTEXT, which may be MariaDB's JSON; LONGBLOB.
    Long,
}

impl ColumnType {
    /// Reads a type's metadata; `None` where the type is not known, and neither is where the next one's begin.
    pub(super) fn read(code: u8, metadata: &mut Cursor<'_>) -> Option<Self> {
        let fraction = |digits: u8| usize::from(digits.min(6).div_ceil(2));
        Some(match code {
            1 => Self::Integer(1),
            2 => Self::Integer(2),
            9 => Self::Integer(3),
            3 => Self::Integer(4),
            8 => Self::Integer(8),
            4 => metadata.take(1).map(|_| Self::Float)?,
            5 => metadata.take(1).map(|_| Self::Double)?,
            6 => Self::Opaque(0),
            7 => Self::Opaque(4),
            10 | 14 => Self::Date,
            11 => Self::Opaque(3),
            12 => Self::Opaque(8),
            13 => Self::Year,
            15 | 253 => Self::Text { length_bytes: prefix(metadata.number(2)?), form: Form::Variable },
            16 => {
                let (bits, bytes) = (metadata.byte()?, metadata.byte()?);
                Self::Bit(usize::from(bytes) + usize::from(bits > 0))
            }
            17 => Self::Opaque(4 + fraction(metadata.byte()?)),
            18 => Self::DateTime(metadata.byte()?.min(6)),
            19 => Self::Opaque(3 + fraction(metadata.byte()?)),
            140 | 255 => Self::OpaqueText { length_bytes: length_bytes(metadata)?, is_counted: true },
            141 => Self::OpaqueText { length_bytes: prefix(metadata.number(2)?), is_counted: true },
            242 | 245 => Self::OpaqueText { length_bytes: length_bytes(metadata)?, is_counted: false },
            246 => Self::Decimal { precision: metadata.byte()?.into(), scale: metadata.byte()?.into() },
            247 => Self::Enum(choice_bytes(metadata)?),
            248 => Self::Set(choice_bytes(metadata)?),
            249..=252 => {
                let length_bytes = length_bytes(metadata)?;
                Self::Text { length_bytes, form: if length_bytes == 4 { Form::Long } else { Form::Variable } }
            }
            254 => Self::of_string(metadata.byte()?, metadata.byte()?)?,
            _ => return None,
        })
    }

    /// A string's two bytes hold what it really is, and a length of ten bits.
    fn of_string(first: u8, second: u8) -> Option<Self> {
        let high = u64::from((first & 0x30) ^ 0x30) << 4;
        let length = high | u64::from(second);
        match first | 0x30 {
            247 => (1..=2).contains(&second).then_some(Self::Enum(second.into())),
            248 => (1..=8).contains(&second).then_some(Self::Set(second.into())),
            253 | 254 => Some(Self::Text { length_bytes: prefix(length), form: Form::Fixed }),
            _ => None,
        }
    }

    /// Takes a value's bytes.
    pub(super) fn take<'a>(&self, data: &mut Cursor<'a>) -> Option<&'a [u8]> {
        let length = match *self {
            Self::Integer(bytes) | Self::Bit(bytes) | Self::Enum(bytes) | Self::Set(bytes) | Self::Opaque(bytes) => {
                bytes
            }
            Self::Float => 4,
            Self::Double => 8,
            Self::Decimal { precision, scale } => numbers::decimal_bytes(precision, scale)?,
            Self::Year => 1,
            Self::Date => 3,
            Self::DateTime(digits) => 5 + usize::from(digits.div_ceil(2)),
            Self::Text { length_bytes, .. } | Self::OpaqueText { length_bytes, .. } => {
                usize::try_from(data.number(length_bytes)?).ok()?
            }
        };
        data.take(length)
    }

    /// Whether the metadata counts it among texts.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// Whether the metadata may, or may not, count it among texts.
    pub(super) const fn is_odd_text(&self) -> bool {
        matches!(self, Self::OpaqueText { is_counted: true, .. })
    }

    pub(super) const fn is_enum(&self) -> bool {
        matches!(self, Self::Enum(_))
    }

    pub(super) const fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }

    pub(super) const fn is_choice(&self) -> bool {
        self.is_enum() || self.is_set()
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// `None` where the server does not say it.
    pub(super) name: Option<String>,
    pub(super) kind: ColumnType,
    pub(super) charset: Charset,
    /// What an ENUM's or a SET's values are called; empty where the server does not say it.
    pub(super) members: Vec<Vec<u8>>,
}

/// The bytes of the length of what has at most so many bytes.
const fn prefix(length_max: u64) -> usize {
    if length_max > 255 { 2 } else { 1 }
}

fn length_bytes(metadata: &mut Cursor<'_>) -> Option<usize> {
    metadata.byte().filter(|bytes| (1..=4).contains(bytes)).map(usize::from)
}

fn choice_bytes(metadata: &mut Cursor<'_>) -> Option<usize> {
    metadata.take(1)?;
    metadata.byte().filter(|bytes| (1..=8).contains(bytes)).map(usize::from)
}

/// What a value is called: nothing, or several for a list and for what has more than one spelling. `None` where that is not known
/// exactly.
pub(super) fn names(column: &Column, bytes: &[u8]) -> Option<Vec<String>> {
    match column.kind {
        ColumnType::Integer(_) => numbers::integer(bytes),
        ColumnType::Float => numbers::whole(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        ColumnType::Double => numbers::whole(f64::from_le_bytes(bytes.try_into().ok()?)),
        ColumnType::Decimal { precision, scale } => numbers::decimal(bytes, precision, scale).map(|text| number(&text)),
        ColumnType::Year => Some(match bytes {
            [0] => vec!["0".to_owned(), "0000".to_owned()],
            [year] => vec![(1900 + u16::from(*year)).to_string()],
            _ => return None,
        }),
        ColumnType::Date => numbers::date(bytes).map(|date| vec![date]),
        ColumnType::DateTime(digits) => numbers::date_time(bytes, digits),
        ColumnType::Bit(_) => (bytes.len() <= 8)
            .then(|| vec![bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).to_string()]),
        ColumnType::Enum(_) => chosen(column, bytes, |number| match number {
            // What was not valid is an empty text.
            0 => Vec::new(),
            nth => vec![nth - 1],
        }),
        ColumnType::Set(_) => chosen(column, bytes, |bits| (0..64).filter(|nth| bits >> nth & 1 == 1).collect()),
        ColumnType::Text { form, .. } => text(column.charset, form, bytes),
        ColumnType::Opaque(_) | ColumnType::OpaqueText { .. } => None,
    }
}

fn chosen(column: &Column, bytes: &[u8], which: impl Fn(u64) -> Vec<u64>) -> Option<Vec<String>> {
    let number = Cursor(bytes).number(bytes.len())?;
    let member = |nth: u64| column.charset.text(column.members.get(usize::try_from(nth).ok()?)?);
    let names = which(number).into_iter().map(member).collect::<Option<Vec<_>>>()?;
    Some(names.into_iter().filter(|name| !name.is_empty()).collect())
}

fn text(charset: Charset, form: Form, bytes: &[u8]) -> Option<Vec<String>> {
    // A fixed number of bytes may be a UUID, an address, a digest: what those are called, the log does not say.
    if charset == Charset::Binary && form == Form::Fixed {
        return None;
    }
    let text = charset.text(bytes)?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    let is_json = form == Form::Long && charset == Charset::Utf8Binary;
    if is_json && serde_json::from_str::<Value>(&text).is_ok() {
        return json(&text);
    }
    (text.len() <= NAME_BYTES_MAX).then(|| vec![text])
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
