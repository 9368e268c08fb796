//! `larder replay`: what rules would have made of recorded traffic.

mod render;

use super::client::print;
use super::config_file::ConfigFile;
use crate::config::{LoadedRules, Overrides, load_rules};
use crate::recorded::{Logs, open};
use crate::replay::Compared;
use crate::replay::from_log::LogReplay;
use clap::Args;
use render::Replayed;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The host of requests of which nothing tells one.
const HOST_DEFAULT: &str = "localhost";

/// What `larder replay` takes.
#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// The access logs, in the order in which they were written: Larder's JSON or text, or the common or combined format of nginx
    /// and Apache; gzipped or not; - for standard input.
    #[arg(long = "log", required = true, num_args = 1.., value_name = "FILE")]
    logs: Vec<String>,
    /// The rules to try, a file or a folder, beside those that the configuration names.
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
    /// The host of requests in logs that name none. Default: `listen.default_host`, else localhost.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Replays, and prints how the rules compare.
///
/// # Errors
/// Where the configuration, rules or a log can't be read, or no log has a request.
pub(super) fn run(file: &ConfigFile, arguments: &ReplayArguments) -> anyhow::Result<()> {
    let (rules, default_host) = rules(file, arguments.rules.as_deref())?;
    let host = arguments.host.clone().or(default_host).unwrap_or_else(|| HOST_DEFAULT.to_owned());
    let mut replay = LogReplay::new(rules.compared, host);
    let mut logs = Logs::default();
    for name in &arguments.logs {
        logs.read(open(name)?, |request| replay.take(&request))?;
    }
    let (report, counts) = replay.finish();
    let replayed = Replayed { report, counts, logs, memory_bytes: rules.memory_bytes };
    replayed.warn();
    if counts.requests == 0 {
        anyhow::bail!("there is no request in it");
    }
    print(&if arguments.json { replayed.json().to_string() } else { replayed.text() })
}

/// What is compared, and the memory that the configuration gives, in bytes.
struct Rules {
    compared: Compared,
    memory_bytes: Option<u64>,
}

/// The rules of the configuration and those to try; without a configuration, those alone. And `listen.default_host`.
fn rules(file: &ConfigFile, tried: Option<&Path>) -> anyhow::Result<(Rules, Option<String>)> {
    let loaded = |LoadedRules { rule_set, .. }| Arc::new(rule_set);
    if let Some(tried) = tried.filter(|_| file.is_absent()) {
        let present = loaded(load_rules(tried)?);
        return Ok((Rules { compared: Compared { present, proposed: None }, memory_bytes: None }, None));
    }
    let config = file.load(&Overrides::default())?;
    let present = loaded(config.load_rules()?);
    let proposed = match tried {
        Some(tried) => {
            let rules = Some(std::path::absolute(tried)?);
            Some(loaded(file.load(&Overrides { rules, ..Overrides::default() })?.load_rules()?))
        }
        None => None,
    };
    let host = config.proxy.entrance.default_host.as_ref().and_then(|host| host.to_str().ok()).map(str::to_owned);
    Ok((Rules { compared: Compared { present, proposed }, memory_bytes: Some(config.memory.size_bytes) }, host))
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
