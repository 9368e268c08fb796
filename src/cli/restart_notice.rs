//! `proxy.toml` when a reload is asked for. `log.level` and `limits.per_client` are in force at once; for another key that was edited, the log
//! says that it waits for a restart, or that something goes before the file.

use super::config_file::ConfigFile;
use super::logging;
use crate::config::{Config, Environment, Overrides};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The keys that take no restart, with all below them.
const AT_ONCE: [&str; 2] = ["log.level", "limits.per_client"];

fn is_at_once(key: &str) -> bool {
    let is_within = |rest: &str| rest.is_empty() || rest.starts_with('.');
    AT_ONCE.iter().any(|known| key.strip_prefix(known).is_some_and(is_within))
}

/// The configuration file as this instance was started with it.
#[derive(Debug)]
pub(super) struct RestartNotice {
    file: ConfigFile,
    overrides: Overrides,
    started_with: Table,
}

impl RestartNotice {
    pub(super) fn new(file: &ConfigFile, overrides: &Overrides) -> Self {
        let started_with = read(file).unwrap_or_default();
        Self { file: file.clone(), overrides: overrides.clone(), started_with }
    }

    /// Puts in force what can be, `apply` what the instance takes, and logs what the file says now and the running instance does not do. Blocks on the file
    /// system. Returns what it has logged.
    pub(super) fn log(&self, apply: impl FnOnce(&Config)) -> Vec<String> {
        let config = match self.file.load(&self.overrides) {
            Ok(config) => config,
            Err(errors) => {
                tracing::error!(
                    "the new configuration has errors and is not used; the instance keeps the one that it has:\n{errors}"
                );
                return vec![format!("the new configuration has errors and is not used: {errors}")];
            }
        };
        logging::set_level(config.log.level);
        apply(&config);
        let path = self.file.path().display();
        let changed = changed_keys(&self.started_with, &read(&self.file).unwrap_or_default());
        let from_elsewhere = Environment::of_process().keys();
        let told = |key: &String| {
            let hidden = from_elsewhere.iter().any(|set| set == key || key.starts_with(&format!("{set}.")));
            if hidden {
                format!("`{key}` has changed in the file, but an environment variable goes before it")
            } else {
                format!("`{key}` has changed; it is in force after a restart")
            }
        };
        let said: Vec<String> = changed.iter().filter(|key| !is_at_once(key)).map(told).collect();
        for line in &said {
            tracing::warn!(%path, "{line}");
        }
        said
    }
}

/// `None` if there is no file, or no TOML in it: loading it says why.
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
