//! Foreign keys that change rows: what those delete or change is in no binary log.
//!
//! A row that goes, or whose key changes, takes with it rows of other tables that refer to it (`ON DELETE CASCADE`, `SET NULL`), and those
//! take others. Which, the log does not say: so of those tables anything may have changed.

use crate::rules::change::{Cell, RowChange};
use std::collections::{BTreeSet, HashMap};

/// A table: its schema and its name.
pub(super) type Location = (String, String);

/// A foreign key's column, as the catalog has it.
#[derive(Debug, Clone)]
pub(super) struct KeyColumn {
    /// The table that refers.
    pub(super) child: Location,
    pub(super) constraint: String,
    /// The table that is referred to.
    pub(super) parent: Location,
    pub(super) column: String,
    /// What an update does, and a deletion; `None` where this user may not know.
    pub(super) rules: (Option<String>, Option<String>),
}

/// What one foreign key changes.
#[derive(Debug, Default)]
struct Relation {
    columns: BTreeSet<String>,
    on_update: bool,
    on_delete: bool,
}

/// All foreign keys that change rows, by the table that is referred to, and the one that refers, and the key's name.
#[derive(Debug, Default)]
pub(super) struct Relations(HashMap<Location, HashMap<(Location, String), Relation>>);

impl Relations {
    /// Those of these columns.
    pub(super) fn of(columns: impl IntoIterator<Item = KeyColumn>) -> Self {
        let mut all = Self::default();
        for KeyColumn { child, constraint, parent, column, rules: (update, delete) } in columns {
            let changes = |rule: Option<String>| {
                rule.is_none_or(|rule| {
                    !rule.eq_ignore_ascii_case("restrict") && !rule.eq_ignore_ascii_case("no action")
                })
            };
            let (on_update, on_delete) = (changes(update), changes(delete));
            if on_update || on_delete {
                let relation = all.0.entry(parent).or_default().entry((child, constraint)).or_default();
                relation.columns.insert(column);
                (relation.on_update, relation.on_delete) = (on_update, on_delete);
            }
        }
        all
    }

    /// The columns of a table that others refer to; `None` where none does.
    pub(super) fn columns(&self, table: &Location) -> Option<BTreeSet<&str>> {
        let relations = self.0.get(table)?;
        Some(relations.values().flat_map(|relation| &relation.columns).map(String::as_str).collect())
    }

    /// The tables in which rows may have changed with these of `table`; `None` where those can't be read.
    pub(super) fn reached(&self, table: &Location, changes: Option<&[RowChange]>) -> BTreeSet<Location> {
        let concerns = |relation: &Relation| match changes {
            None => true,
            Some(changes) => changes.iter().any(|change| match change {
                RowChange::Inserted(_) => false,
                RowChange::Deleted(_) | RowChange::Whole => relation.on_delete,
                RowChange::Updated { old, new } => {
                    let differs = |column: &String| {
                        let since = new.0.get(column);
                        since != Some(&Cell::Unchanged) && since != old.0.get(column)
                    };
                    relation.on_update && relation.columns.iter().any(differs)
                }
            }),
        };
        let mut reached = BTreeSet::new();
        let mut next: Vec<&Location> = Vec::new();
        for ((child, _), relation) in self.0.get(table).into_iter().flatten() {
            if concerns(relation) && reached.insert(child.clone()) {
                next.push(child);
            }
        }
        // Whether those are deleted or changed, and so what refers to them, is not looked at.
        while let Some(table) = next.pop() {
            for (child, _) in self.0.get(table).into_iter().flat_map(HashMap::keys) {
                if reached.insert(child.clone()) {
                    next.push(child);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::change::Row;
    use bytes::Bytes;

    fn location(table: &str) -> Location {
        ("shop".to_owned(), table.to_owned())
    }

    fn key(child: &str, parent: &str, update: Option<&str>, delete: Option<&str>) -> KeyColumn {
        KeyColumn {
            child: location(child),
            constraint: format!("{child} {parent}"),
            parent: location(parent),
            column: "id".to_owned(),
            rules: (update.map(str::to_owned), delete.map(str::to_owned)),
        }
    }

    fn row(id: &'static str) -> Row {
        let raw = Some(Bytes::from_static(id.as_bytes()));
        Row([("id".to_owned(), Cell::Known { raw, values: Some(vec![id.to_owned()]) })].into())
    }

    #[test]
    fn tables_are_reached_whose_rows_change_with_others() {
        let relations = Relations::of([
            key("product", "category", Some("RESTRICT"), Some("CASCADE")),
            key("price", "product", Some("NO ACTION"), Some("SET NULL")),
            key("basket", "category", Some("CASCADE"), Some("RESTRICT")),
            key("log", "category", Some("RESTRICT"), Some("NO ACTION")),
            key("untold", "shelf", None, None),
        ]);
        let deleted = RowChange::Deleted(row("1"));
        let moved = RowChange::Updated { old: row("1"), new: row("2") };
        let same = RowChange::Updated { old: row("1"), new: row("1") };
        for (table, change, expected) in [
            ("category", Some(deleted.clone()), &["price", "product"][..]),
            ("category", Some(moved.clone()), &["basket"]),
            ("category", Some(same), &[]),
            ("category", Some(RowChange::Inserted(row("1"))), &[]),
            ("category", None, &["basket", "price", "product"]),
            ("product", Some(deleted.clone()), &["price"]),
            ("shelf", Some(moved), &["untold"]),
            ("price", Some(deleted), &[]),
        ] {
            let changes = change.map(|change| vec![change]);
            let reached = relations.reached(&location(table), changes.as_deref());
            let reached: Vec<&str> = reached.iter().map(|(_, table)| table.as_str()).collect();
            assert_eq!(reached, expected, "{table} {changes:?}");
        }
    }
}
