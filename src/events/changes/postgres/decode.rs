//! From pgoutput's messages to changed rows.
//!
//! What a message leaves out is unknown and stays so: the columns of an old row that are not in the table's replica identity,
//! and large values that an update did not touch.

use super::columns::{ColumnType, names};
use crate::rules::RuleSet;
use crate::rules::change::{Cell, Row, RowChange, TableName};
use bytes::Bytes;
use pg_walstream::{ColumnData, ColumnInfo, LogicalReplicationMessage, LogicalReplicationParser, TupleData};
use std::collections::HashMap;

/// The version of the protocol that is asked for: whole transactions, in the order of their commits.
pub(super) const PROTOCOL: u32 = 1;

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A transaction begins.
    Begin {
        /// Its number.
        xid: u32,
    },
    /// Something happened to these tables.
    Change(Vec<(TableName, RowChange)>),
    /// Something happened that can't be read, to any table.
    Unreadable,
    /// The transaction ends.
    Commit {
        /// The position behind it.
        end: u64,
    },
    /// Nothing of rows.
    Nothing,
}

/// A table as the stream has described it.
#[derive(Debug)]
struct Table {
    name: TableName,
    columns: Vec<(ColumnInfo, ColumnType)>,
}

/// Reads the messages of one connection, which describes each table before its first row.
pub(super) struct Decoder {
    parser: LogicalReplicationParser,
    tables: HashMap<u32, Table>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { parser: LogicalReplicationParser::with_protocol_version(PROTOCOL), tables: HashMap::new() }
    }

    /// Reads a message, as far as these rules look at it.
    pub(super) fn read(&mut self, message: Bytes, rules: &RuleSet) -> Said {
        use LogicalReplicationMessage as Message;
        let Ok(parsed) = self.parser.parse_wal_message_bytes(message) else { return Said::Unreadable };
        let said = match parsed.message {
            Message::Begin { xid, .. } => Some(Said::Begin { xid }),
            Message::Commit { end_lsn, .. } => Some(Said::Commit { end: end_lsn }),
            Message::Relation { relation_id, namespace, relation_name, columns, .. } => {
                let name = TableName { schema: namespace.to_string(), table: relation_name.to_string() };
                let typed = |column: ColumnInfo| (ColumnType::of(column.type_id), column);
                let columns = columns.into_iter().map(typed).map(|(kind, column)| (column, kind)).collect();
                self.tables.insert(relation_id, Table { name, columns });
                Some(Said::Nothing)
            }
            Message::Insert { relation_id, tuple } => {
                self.change(relation_id, rules, |table, looked| Some(RowChange::Inserted(table.row(&tuple, looked)?)))
            }
            Message::Update { relation_id, old_tuple, new_tuple, key_type } => {
                self.change(relation_id, rules, |table, looked| {
                    table.updated(old_tuple.as_ref().zip(key_type), &new_tuple, looked)
                })
            }
            Message::Delete { relation_id, old_tuple, key_type } => self.change(relation_id, rules, |table, looked| {
                Some(RowChange::Deleted(table.old(&old_tuple, key_type, looked)?))
            }),
            Message::Truncate { relation_ids, .. } => self.truncated(&relation_ids),
            Message::Type { .. } | Message::Origin { .. } | Message::Message { .. } => Some(Said::Nothing),
            // Not of this version of the protocol.
            _ => None,
        };
        said.unwrap_or(Said::Unreadable)
    }

    fn change(
        &self,
        table: u32,
        rules: &RuleSet,
        change: impl FnOnce(&Table, &[&str]) -> Option<RowChange>,
    ) -> Option<Said> {
        let table = self.tables.get(&table)?;
        let change = match rules.columns_looked_at(&table.name) {
            Some(looked) => change(table, &looked.into_iter().collect::<Vec<_>>()).unwrap_or(RowChange::Whole),
            // Nobody looks at it.
            None => RowChange::Inserted(Row::default()),
        };
        Some(Said::Change(vec![(table.name.clone(), change)]))
    }

    fn truncated(&self, tables: &[u32]) -> Option<Said> {
        let whole = |table| Some((self.tables.get(table)?.name.clone(), RowChange::Whole));
        tables.iter().map(whole).collect::<Option<Vec<_>>>().map(Said::Change)
    }
}

impl Table {
    /// The columns of a tuple that are looked at; `None` where it is not a tuple of this table.
    fn row(&self, tuple: &TupleData, looked: &[&str]) -> Option<Row> {
        self.cells(looked, |position, kind| Some(cell(tuple.get_column(position)?, kind)), tuple)
    }

    /// An old row: of a key (`K`), other columns are not known.
    fn old(&self, tuple: &TupleData, key_type: char, looked: &[&str]) -> Option<Row> {
        let known = |position: usize, kind: &ColumnType| {
            let is_known = key_type == 'O' || self.columns.get(position)?.0.is_key();
            Some(if is_known { cell(tuple.get_column(position)?, kind) } else { Cell::Unknown })
        };
        self.cells(looked, known, tuple)
    }

    fn updated(&self, old: Option<(&TupleData, char)>, new: &TupleData, looked: &[&str]) -> Option<RowChange> {
        let mut since = self.row(new, looked)?;
        let before = match old {
            Some((tuple, key_type)) => self.old(tuple, key_type, looked)?,
            // The replica identity is as it was, and nothing else is known.
            None => self.old(new, 'K', looked)?,
        };
        for (name, cell) in since.0.iter_mut().filter(|(_, cell)| **cell == Cell::Unchanged) {
            if let Some(known @ Cell::Known { .. }) = before.0.get(name) {
                *cell = known.clone();
            }
        }
        Some(RowChange::Updated { old: before, new: since })
    }

    fn cells(
        &self,
        looked: &[&str],
        cell: impl Fn(usize, &ColumnType) -> Option<Cell>,
        tuple: &TupleData,
    ) -> Option<Row> {
        if tuple.column_count() != self.columns.len() {
            return None;
        }
        let named = self.columns.iter().enumerate().filter(|(_, (column, _))| looked.contains(&&*column.name));
        let cells = named.map(|(at, (column, kind))| Some((column.name.to_string(), cell(at, kind)?)));
        cells.collect::<Option<_>>().map(Row)
    }
}

fn cell(data: &ColumnData, kind: &ColumnType) -> Cell {
    if data.is_null() {
        return Cell::Known { raw: None, values: Some(Vec::new()) };
    }
    if data.is_unchanged() {
        return Cell::Unchanged;
    }
    let text = if data.is_text() { std::str::from_utf8(data.as_bytes()).ok() } else { None };
    Cell::Known { raw: Some(data.raw_bytes()), values: text.and_then(|text| names(kind, text)) }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
