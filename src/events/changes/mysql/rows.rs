//! From the events of rows to changed rows.
//!
//! What an event leaves out (`binlog_row_image` other than FULL) stays unknown: of an old row, and of a new one that an update did not touch.

use super::cursor::Cursor;
use super::inflate::{Packed, inflated};
use super::table::Table;
use super::values::{Column, names};
use crate::rules::change::{Cell, Row, RowChange};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What an event does to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Insert,
    Update,
    Delete,
}

/// The rows of an event.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    verb: Verb,
    columns: usize,
    /// Which columns an old row has.
    before: &'a [u8],
    /// Which columns a new row has.
    since: &'a [u8],
    data: Cow<'a, [u8]>,
}

/// What a row has of a column.
enum Field<'a> {
    Absent,
    Null,
    Value(&'a [u8]),
}

impl<'a> Rows<'a> {
    /// Reads what stands before the rows. `has_extra`: the event is one of MySQL, with a length and something else before the columns.
    pub(super) fn read(event: &'a [u8], verb: Verb, has_extra: bool, packed: Packed) -> Option<Self> {
        let mut cursor = Cursor(event);
        // The number of the table, and flags.
        cursor.take(8)?;
        if has_extra {
            let length = usize::try_from(cursor.number(2)?).ok()?;
            cursor.take(length.checked_sub(2)?)?;
        }
        let columns = usize::try_from(cursor.packed()?).ok()?;
        let (mut before, mut since) = (&event[..0], &event[..0]);
        if verb != Verb::Insert {
            before = cursor.take(columns.div_ceil(8))?;
        }
        if verb != Verb::Delete {
            since = cursor.take(columns.div_ceil(8))?;
        }
        let data = match packed {
            Packed::Yes => Cow::Owned(inflated(cursor.0)?),
            Packed::No => Cow::Borrowed(cursor.0),
        };
        Some(Self { verb, columns, before, since, data })
    }

    /// The changes, as far as these columns are looked at; `None` where they can't be read.
    pub(super) fn changes(&self, table: &Table, looked: &BTreeSet<&str>) -> Option<Vec<RowChange>> {
        if table.columns.len() != self.columns || table.columns.iter().any(|column| column.name.is_none()) {
            return None;
        }
        let mut data = Cursor(&self.data);
        let mut changes = Vec::new();
        while !data.is_empty() {
            changes.push(match self.verb {
                Verb::Insert => RowChange::Inserted(row(&mut data, table, looked, self.since, &Cell::Unknown)?),
                Verb::Delete => RowChange::Deleted(row(&mut data, table, looked, self.before, &Cell::Unknown)?),
                Verb::Update => {
                    let old = row(&mut data, table, looked, self.before, &Cell::Unknown)?;
                    let mut new = row(&mut data, table, looked, self.since, &Cell::Unchanged)?;
                    for (name, cell) in new.0.iter_mut().filter(|(_, cell)| **cell == Cell::Unchanged) {
                        if let Some(known @ Cell::Known { .. }) = old.0.get(name) {
                            *cell = known.clone();
                        }
                    }
                    RowChange::Updated { old, new }
                }
            });
        }
        Some(changes)
    }
}

/// Reads one row, of which these columns are `present`.
fn row(data: &mut Cursor<'_>, table: &Table, looked: &BTreeSet<&str>, present: &[u8], absent: &Cell) -> Option<Row> {
    let is_present = |at: usize| is_set(present, at);
    let count = (0..table.columns.len()).filter(|at| is_present(*at)).count();
    let nulls = data.take(count.div_ceil(8))?;
    let (mut row, mut nth) = (Row::default(), 0);
    for (at, column) in table.columns.iter().enumerate() {
        let field = if is_present(at) {
            nth += 1;
            if is_set(nulls, nth - 1) { Field::Null } else { Field::Value(column.kind.take(data)?) }
        } else {
            Field::Absent
        };
        if let Some(name) = column.name.as_deref().filter(|name| looked.contains(name)) {
            row.0.insert(name.to_owned(), cell(&field, column, absent));
        }
    }
    Some(row)
}

fn is_set(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

fn cell(field: &Field<'_>, column: &Column, absent: &Cell) -> Cell {
    match field {
        Field::Absent => absent.clone(),
        Field::Null => Cell::Known { raw: None, values: Some(Vec::new()) },
        Field::Value(bytes) => Cell::Known { raw: Some(Bytes::copy_from_slice(bytes)), values: names(column, bytes) },
    }
}
