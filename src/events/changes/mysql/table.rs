//! What the binary log says of a table before its rows: its columns, and with `binlog_row_metadata=FULL` what they are called.

use super::cursor::Cursor;
use super::values::{Charset, Charsets, Column, ColumnType};

/// The event's fields before the columns' types have fixed lengths: a table's number, and flags.
const NUMBER_BYTES: usize = 6;
const FLAGS_BYTES: usize = 2;

/// More columns than any table has.
const COLUMNS_MAX: u64 = 1 << 16;

/// A table as an event has described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// Reads the description of a table, and the number by which its rows name it. The second is `None` where it can't be read.
pub(super) fn read(event: &[u8], charsets: &Charsets) -> Option<(u64, Option<Table>)> {
    let mut cursor = Cursor(event);
    let number = cursor.number(NUMBER_BYTES)?;
    Some((number, described(cursor, charsets)))
}

fn described(mut cursor: Cursor<'_>, charsets: &Charsets) -> Option<Table> {
    cursor.take(FLAGS_BYTES)?;
    let schema = name(&mut cursor)?;
    let table = name(&mut cursor)?;
    let count = cursor.packed().filter(|count| *count <= COLUMNS_MAX)?;
    let types = cursor.take(usize::try_from(count).ok()?)?;
    let mut metadata = Cursor(cursor.text()?);
    let kinds = types.iter().map(|code| ColumnType::read(*code, &mut metadata)).collect::<Option<Vec<_>>>()?;
    // Which of them may be NULL.
    cursor.take(kinds.len().div_ceil(8))?;
    let column = |kind| Column { name: None, kind, charset: Charset::Unknown, members: Vec::new() };
    let mut columns: Vec<Column> = kinds.into_iter().map(column).collect();
    while !cursor.is_empty() {
        let (what, told) = (cursor.byte()?, Cursor(cursor.text()?));
        tell(&mut columns, what, told, charsets)?;
    }
    Some(Table { schema, name: table, columns })
}

/// A name, its length before it and a zero behind it.
fn name(cursor: &mut Cursor<'_>) -> Option<String> {
    let length = cursor.byte()?;
    let name = String::from_utf8(cursor.take(usize::from(length))?.to_vec()).ok()?;
    cursor.take(1)?;
    Some(name)
}

/// Takes what one field of the metadata says of the columns. Whether numbers have a sign is not looked at: MariaDB counts other
/// columns for it than MySQL.
fn tell(columns: &mut [Column], what: u8, mut told: Cursor<'_>, charsets: &Charsets) -> Option<()> {
    let of_texts = |column: &&mut Column| column.kind.is_text();
    let of_choices = |column: &&mut Column| column.kind.is_choice();
    // Whether the server counts those for a character set differs.
    let is_plain = !columns.iter().any(|column| column.kind.is_odd_text());
    match what {
        2 if is_plain => default_charset(columns.iter_mut().filter(of_texts), told, charsets)?,
        3 if is_plain => each_charset(columns.iter_mut().filter(of_texts), told, charsets)?,
        4 => {
            for column in columns {
                column.name = String::from_utf8(told.text()?.to_vec()).ok();
            }
        }
        5 => members(columns.iter_mut().filter(|column| column.kind.is_set()), told)?,
        6 => members(columns.iter_mut().filter(|column| column.kind.is_enum()), told)?,
        10 => default_charset(columns.iter_mut().filter(of_choices), told, charsets)?,
        11 => each_charset(columns.iter_mut().filter(of_choices), told, charsets)?,
        _ => {}
    }
    Some(())
}

/// One for all, and then those columns that have another.
fn default_charset<'c>(
    columns: impl Iterator<Item = &'c mut Column>,
    mut told: Cursor<'_>,
    charsets: &Charsets,
) -> Option<()> {
    let mut columns: Vec<_> = columns.collect();
    let default = charsets.of(told.packed()?);
    for column in &mut columns {
        column.charset = default;
    }
    while !told.is_empty() {
        let (nth, collation) = (told.packed()?, told.packed()?);
        columns.get_mut(usize::try_from(nth).ok()?)?.charset = charsets.of(collation);
    }
    Some(())
}

fn each_charset<'c>(
    columns: impl Iterator<Item = &'c mut Column>,
    mut told: Cursor<'_>,
    charsets: &Charsets,
) -> Option<()> {
    for column in columns {
        column.charset = charsets.of(told.packed()?);
    }
    Some(())
}

fn members<'c>(columns: impl Iterator<Item = &'c mut Column>, mut told: Cursor<'_>) -> Option<()> {
    for column in columns {
        let count = told.packed().filter(|count| *count <= COLUMNS_MAX)?;
        column.members = (0..count).map(|_| told.text().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    }
    Some(())
}
