//! What a signal to reload can't put in force: `proxy.toml` is read at the start alone, and whoever has edited it is told
//! which keys wait for a restart.

use super::config_file::ConfigFile;
use crate::config::Overrides;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The configuration file as this instance was started with it.
#[derive(Debug)]
pub(super) struct RestartNotice {
    file: ConfigFile,
    overrides: Overrides,
    started_with: Table,
}

impl RestartNotice {
    pub(super) fn new(file: &ConfigFile, overrides: &Overrides) -> Self {
        Self { file: file.clone(), overrides: overrides.clone(), started_with: read(file).unwrap_or_default() }
    }

    /// Logs what the file says now and the running instance does not do. Blocks on the file system.
    pub(super) fn log(&self) {
        if let Err(errors) = self.file.load(&self.overrides) {
            tracing::error!(
                "the configuration was refused, the instance goes on with what it was started with:\n{errors}"
            );
            return;
        }
        let keys = changed_keys(&self.started_with, &read(&self.file).unwrap_or_default());
        if !keys.is_empty() {
            let path = self.file.path().display();
            tracing::warn!(%path, keys = keys.join(", "), "these keys have changed; they are in force after a restart");
        }
    }
}

/// None where there is no file, or no TOML in it: loading it tells why.
fn read(file: &ConfigFile) -> Option<Table> {
    std::fs::read_to_string(file.path()).ok()?.parse().ok()
}

/// The keys that are in one table alone or differ, with the tables that they stand in: `limits.connections`.
fn changed_keys(before: &Table, after: &Table) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changed = Vec::new();
    for name in names {
        match (before.get(name), after.get(name)) {
            (before, after) if before == after => {}
            (Some(Value::Table(before)), Some(Value::Table(after))) => {
                changed.extend(changed_keys(before, after).into_iter().map(|key| format!("{name}.{key}")));
            }
            (Some(Value::Table(only)), None) | (None, Some(Value::Table(only))) if !only.is_empty() => {
                changed.extend(changed_keys(only, &Table::new()).into_iter().map(|key| format!("{name}.{key}")));
            }
            _ => changed.push(name.clone()),
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_differ_are_named_with_their_tables() {
        let before = "rules = \"a\"\n[limits]\nheaders = 1\nconnections = 2\n[memory]\nsize = \"1MiB\"\n";
        for (after, expected) in [
            (before, vec![]),
            ("rules = \"a\" # reworded\nmemory.size = \"1MiB\"\nlimits = { connections = 2, headers = 1 }\n", vec![]),
            (
                "rules = \"b\"\n[limits]\nheaders = 1\nconnections = 3\n[memory]\nsize = \"1MiB\"\n",
                vec!["limits.connections", "rules"],
            ),
            ("rules = \"a\"\n[limits]\nheaders = 1\nconnections = 2\n", vec!["memory.size"]),
            (
                &format!("{before}variants_per_key = 3\n[admin]\nlisten = \"x\"\n"),
                vec!["admin.listen", "memory.variants_per_key"],
            ),
        ] {
            let table = |text: &str| text.parse::<Table>().unwrap();
            assert_eq!(changed_keys(&table(before), &table(after)), expected, "{after}");
        }
    }
}
