//! From the events of the binary log to what happened to tables.
//!
//! An event that is not known, and not marked as one that may be passed over, may say anything: then it counts as unreadable.

use super::cursor::Cursor;
use super::inflate::{Packed, inflated};
use super::position::Gtid;
use super::relations::Relations;
use super::rows::{Rows, Verb};
use super::statement::{self, Statement};
use super::table::{self, Table};
use super::values::Charsets;
use crate::rules::RuleSet;
use crate::rules::change::{Cell, Row, RowChange, TableName};
use std::collections::{BTreeSet, HashMap};

/// More tables than one statement changes.
const TABLES_MAX: usize = 4_096;

/// The number of no table: such an event of rows has none.
const NO_TABLE: u64 = 0xff_ffff;

/// An event that may be passed over by who does not know it.
const IGNORABLE: u16 = 0x80;

/// An event of rows ends its statement.
const STATEMENT_END: u8 = 1;

/// A group that ends with its first statement.
const STANDALONE: u8 = 1;

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The log goes on in this file.
    File {
        /// Its name.
        name: String,
        /// Where in it.
        position: u64,
    },
    /// A transaction, or a statement that stands alone, begins.
    Begin(Option<Gtid>),
    /// Something happened to these tables.
    Change(Vec<(TableName, RowChange)>),
    /// Something happened that can't be read, to any table.
    Unreadable,
    /// The transaction ends.
    End,
    /// Something happened to these tables, and the transaction ends.
    Last(Vec<(TableName, RowChange)>),
    /// Nothing of rows.
    Nothing,
}

/// An event, without its checksum.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEvent<'a> {
    pub(super) kind: u8,
    pub(super) server: u32,
    pub(super) flags: u16,
    pub(super) data: &'a [u8],
}

/// Reads the events of one connection, which describes each table before its rows.
pub(super) struct Decoder {
    charsets: Charsets,
    relations: Relations,
    /// A statement may have made or ended such relations.
    has_other_relations: bool,
    /// The database that the URL names: its tables go without its name, too.
    own: Option<String>,
    /// `None` for one whose description can't be read.
    tables: HashMap<u64, Option<Table>>,
    /// A statement would be a transaction of its own.
    is_standalone: bool,
}

impl Decoder {
    pub(super) fn new(charsets: Charsets, relations: Relations, own: Option<String>) -> Self {
        Self { charsets, relations, has_other_relations: false, own, tables: HashMap::new(), is_standalone: true }
    }

    /// Whether [`Self::relate`] must be told what relations there are now.
    pub(super) const fn has_other_relations(&self) -> bool {
        self.has_other_relations
    }

    /// These are the relations now.
    pub(super) fn relate(&mut self, relations: Relations) {
        (self.relations, self.has_other_relations) = (relations, false);
    }

    /// Reads an event, as far as these rules look at it.
    pub(super) fn read(&mut self, event: RawEvent<'_>, rules: &RuleSet) -> Said {
        let data = event.data;
        let said = match event.kind {
            2 => self.statement(data, rules, Packed::No),
            165 => self.statement(data, rules, Packed::Yes),
            4 => file(data),
            // The end of a transaction, and of one that is prepared.
            16 | 38 => {
                self.is_standalone = true;
                Some(Said::End)
            }
            19 => {
                self.described(data);
                Some(Said::Nothing)
            }
            23 | 30 | 166 | 169 => self.rows(event, Verb::Insert, rules),
            24 | 31 | 167 | 170 => self.rows(event, Verb::Update, rules),
            25 | 32 | 168 | 171 => self.rows(event, Verb::Delete, rules),
            // MySQL's, with a GTID and without.
            33 | 34 | 42 => {
                self.is_standalone = true;
                Some(Said::Begin(None))
            }
            162 => self.group(data, event.server),
            // The ends and beginnings of files, heartbeats, variables of statements, annotations, checkpoints, lists of GTIDs, keys.
            1 | 3 | 5 | 13..=15 | 17 | 27..=29 | 35..=37 | 41 | 160 | 161 | 163 | 164 => Some(Said::Nothing),
            _ if event.flags & IGNORABLE != 0 => Some(Said::Nothing),
            _ => None,
        };
        said.unwrap_or(Said::Unreadable)
    }

    fn group(&mut self, data: &[u8], server: u32) -> Option<Said> {
        let mut cursor = Cursor(data);
        let (sequence, domain, flags) = (cursor.number(8)?, cursor.number(4)?, cursor.byte()?);
        self.is_standalone = flags & STANDALONE != 0;
        let domain = u32::try_from(domain).ok()?;
        Some(Said::Begin(Some(Gtid { domain, server, sequence })))
    }

    fn described(&mut self, data: &[u8]) {
        if self.tables.len() >= TABLES_MAX {
            self.tables.clear();
        }
        if let Some((number, table)) = table::read(data, &self.charsets) {
            self.tables.insert(number, table);
        }
    }

    fn rows(&mut self, event: RawEvent<'_>, verb: Verb, rules: &RuleSet) -> Option<Said> {
        let has_extra = matches!(event.kind, 30..=32 | 169..=171);
        let packed = if event.kind >= 166 { Packed::Yes } else { Packed::No };
        let rows = Rows::read(event.data, verb, has_extra, packed);
        let changes = self.changes(event.data, rows.as_ref(), rules);
        if event.data.get(6).is_some_and(|flags| flags & STATEMENT_END != 0) {
            self.tables.clear();
        }
        changes.map(Said::Change)
    }

    fn changes(&self, data: &[u8], rows: Option<&Rows>, rules: &RuleSet) -> Option<Vec<(TableName, RowChange)>> {
        let number = Cursor(data).number(6)?;
        if number == NO_TABLE {
            return Some(Vec::new());
        }
        let table = self.tables.get(&number)?.as_ref()?;
        let mut changes = Vec::new();
        for name in self.names(&table.schema, &table.name) {
            let Some(looked) = rules.columns_looked_at(&name) else { continue };
            let read = rows.and_then(|rows| rows.changes(table, &looked));
            let read = read.unwrap_or_else(|| vec![unknown(&looked)]);
            changes.extend(read.into_iter().map(|change| (name.clone(), change)));
        }
        let location = (table.schema.clone(), table.name.clone());
        if let Some(columns) = self.relations.columns(&location) {
            let read = rows.and_then(|rows| rows.changes(table, &columns));
            for (schema, table) in self.relations.reached(&location, read.as_deref()) {
                for name in self.names(&schema, &table) {
                    let looked = rules.columns_looked_at(&name);
                    changes.extend(looked.map(|looked| (name, unknown(&looked))));
                }
            }
        }
        Some(changes)
    }

    /// What rules may call a table.
    fn names(&self, schema: &str, table: &str) -> Vec<TableName> {
        let named = |schema: &str| TableName { schema: schema.to_owned(), table: table.to_owned() };
        let is_own = self.own.as_deref() == Some(schema);
        [Some(named(schema)), is_own.then(|| TableName::without_schema(table))].into_iter().flatten().collect()
    }

    fn statement(&mut self, data: &[u8], rules: &RuleSet, packed: Packed) -> Option<Said> {
        let sql = query(data, packed)?;
        let said = match statement::read(&sql) {
            Statement::Begin => {
                self.is_standalone = false;
                return Some(Said::Begin(None));
            }
            Statement::End => {
                self.is_standalone = true;
                return Some(Said::End);
            }
            Statement::Nothing => Vec::new(),
            Statement::Named => {
                self.has_other_relations = true;
                Self::whole(rules, |name| statement::names(&sql, &name.table))
            }
            Statement::Database => {
                self.has_other_relations = true;
                let own = self.own.as_deref();
                Self::whole(rules, |name| {
                    let is_bare = *name == TableName::without_schema(&name.table);
                    own.filter(|_| is_bare).is_some_and(|own| statement::names(&sql, own))
                        || statement::names(&sql, &name.schema)
                })
            }
            Statement::Any => Self::whole(rules, |_| true),
        };
        Some(if self.is_standalone { Said::Last(said) } else { Said::Change(said) })
    }

    fn whole(rules: &RuleSet, concerns: impl Fn(&TableName) -> bool) -> Vec<(TableName, RowChange)> {
        let tables: BTreeSet<_> =
            rules.changes().iter().map(|rule| &rule.table).filter(|name| concerns(name)).collect();
        tables.into_iter().map(|table| (table.clone(), RowChange::Whole)).collect()
    }
}

/// A row of which nothing is known.
fn unknown(looked: &BTreeSet<&str>) -> RowChange {
    RowChange::Deleted(Row(looked.iter().map(|&name| (name.to_owned(), Cell::Unknown)).collect()))
}

/// The text of a statement.
fn query(data: &[u8], packed: Packed) -> Option<String> {
    let mut cursor = Cursor(data);
    // Who ran it, and for how long.
    cursor.take(8)?;
    let schema_length = cursor.byte()?;
    // How it failed, if it did.
    cursor.take(2)?;
    let variables = usize::try_from(cursor.number(2)?).ok()?;
    cursor.take(variables)?;
    cursor.take(usize::from(schema_length) + 1)?;
    let text = match packed {
        Packed::Yes => inflated(cursor.0)?,
        Packed::No => cursor.0.to_vec(),
    };
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The next file. The first of a connection comes before it is known whether events have checksums, and so with one.
fn file(data: &[u8]) -> Option<Said> {
    const CHECKSUM: usize = 4;
    const NUMBER_DIGITS: usize = 6;
    let mut cursor = Cursor(data);
    let position = cursor.number(8)?;
    let dot = cursor.0.iter().rposition(|byte| *byte == b'.');
    // A number has at least six digits, and so many files as ten can name there are none.
    let has_checksum = dot.is_some_and(|dot| cursor.0.len() - dot > NUMBER_DIGITS + CHECKSUM);
    let length = cursor.0.len() - if has_checksum { CHECKSUM } else { 0 };
    let name = std::str::from_utf8(cursor.take(length)?).ok()?;
    Some(Said::File { name: name.to_owned(), position })
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
