//! `larder changes` for MariaDB.

pub(super) mod plan;
pub(super) mod verify;

use crate::rules::change::TableName;

/// The schema and the name of a table that rules name, where one without a schema is of this database.
fn located<'t>(table: &'t TableName, own: Option<&'t str>) -> (&'t str, &'t str) {
    let is_bare = *table == TableName::without_schema(&table.table);
    (own.filter(|_| is_bare).unwrap_or(&table.schema), &table.table)
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
