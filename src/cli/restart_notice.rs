//! Which keys of `proxy.toml` a running instance does not go by: those that wait for a restart, and those before which something
//! else goes.

use super::config_file::ConfigFile;
use crate::config::problem::ProblemReport;
use crate::config::{Environment, Overrides, Problem};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The keys that are in force after a restart, with all below them. All others are at a reload.
const AT_RESTART: [&str; 22] = [
    "admin",
    "cdn",
    "events",
    "jwt",
    "limits.in_flight_bytes",
    "listen.http",
    "listen.http3",
    "listen.https.address",
    "listen.https.certificate",
    "listen.https.certificates",
    "listen.https.client_ca",
    "listen.https.key",
    "listen.https.min_version",
    "listen.takeover",
    "log.access",
    "log.format",
    "memory",
    "redis",
    "refresh",
    "rules",
    "stamps",
    "trace",
];
/// Goes by the listener over TLS, so it waits where that does.
const REDIRECT: &str = "listen.redirect_https";
const LISTENER: &str = "listen.https.address";

fn is_within(key: &str, known: &str) -> bool {
    key.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn waits(key: &str, changed: &[String]) -> bool {
    let is_known = AT_RESTART.iter().any(|known| is_within(key, known));
    is_known || key == REDIRECT && changed.iter().any(|other| other == LISTENER)
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

    /// The keys that have changed since the start and wait for a restart; and what is to be said of those that have changed and are
    /// not in force. Blocks on the file system.
    pub(super) fn reports(&self) -> (Vec<String>, Vec<ProblemReport>) {
        let changed = changed_keys(&self.started_with, &read(&self.file).unwrap_or_default());
        let of_environment = Environment::of_process().keys();
        let of_arguments = given(&self.overrides);
        let (mut waiting, mut messages) = (Vec::new(), Vec::new());
        for key in &changed {
            let hides = |set: &str| set == key || key.starts_with(&format!("{set}."));
            if of_arguments.iter().any(|set| hides(set)) {
                messages
                    .push(format!("`{key}` has changed in the file, but an argument of the command goes before it"));
            } else if of_environment.iter().any(|set| hides(set)) {
                messages.push(format!("`{key}` has changed in the file, but an environment variable goes before it"));
            } else if waits(key, &changed) {
                messages.push(format!("`{key}` has changed; it is in force after a restart"));
                waiting.push(key.clone());
            }
        }
        let path = self.file.path().display().to_string();
        let reports = messages.into_iter().map(|message| Problem::of_file(&path, message)).collect();
        (waiting, reports)
    }
}

/// The keys that arguments of the command say.
fn given(overrides: &Overrides) -> Vec<&'static str> {
    let Overrides { listen, upstream, admin, redis, rules } = overrides;
    let given = [
        (listen.is_some(), "listen.http"),
        (upstream.is_some(), "upstream.servers"),
        (admin.is_some(), "admin.listen"),
        (redis.is_some(), "redis.url"),
        (rules.is_some(), "rules"),
    ];
    given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, key)| key).collect()
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

    #[test]
    fn the_redirect_waits_for_the_listener_that_it_leads_to() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        for (key, changed, expected) in [
            (REDIRECT, &[REDIRECT][..], false),
            (REDIRECT, &[REDIRECT, LISTENER], true),
            ("listen.hsts", &[LISTENER], false),
            ("listen.https.certificate", &[], true),
            ("listen.https.certificates", &[], true),
            ("listen.http3", &[], true),
            ("listen.alt_svc", &[], false),
            ("memory.size", &[], true),
            ("rules", &[], true),
            ("upstream.servers", &[], false),
            ("limits.in_flight_bytes", &[], true),
            ("limits.connections", &[], false),
        ] {
            assert_eq!(waits(key, &keys(changed)), expected, "{key} with {changed:?}");
        }
    }
}
