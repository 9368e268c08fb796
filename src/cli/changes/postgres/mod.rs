//! `larder changes` for PostgreSQL.

pub(super) mod plan;
pub(super) mod verify;

use crate::rules::change::TableName;

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A table as SQL writes it.
fn table(name: &TableName) -> String {
    format!("{}.{}", quoted(&name.schema), quoted(&name.table))
}
