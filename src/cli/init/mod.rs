//! `larder init`: a first configuration with every key explained, and a first rules file.

use super::client::print;
use super::config_file::ConfigFile;
use crate::upstream::ServerUrl;
use anyhow::Context as _;
use clap::Args;
use std::io::Write as _;
use std::path::Path;

/// The configuration that lies at the root of the repository: every key with its default and what it does.
const CONFIGURATION: &str = include_str!("../../../proxy.toml");

/// The line of [`CONFIGURATION`] that names the upstream servers.
const SERVERS: &str = "servers = [\"http://127.0.0.1:8000\"]";

const RULES: &str = include_str!("10-first.toml");

/// Where the rules go, seen from the configuration's folder. [`CONFIGURATION`] names the folder.
const RULES_FILE: &str = "rules/10-first.toml";

/// What `larder init` takes.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The server that Larder is to stand in front of, e.g. http://127.0.0.1:8000.
    #[arg(long, value_name = "URL")]
    upstream: Option<ServerUrl>,
}

/// Writes both files where `--config` says, or here.
///
/// # Errors
/// Where one of them is there already, or can't be written. Then neither is written.
pub(super) fn run(file: &ConfigFile, arguments: &InitArguments) -> anyhow::Result<()> {
    let configuration = file.path();
    let rules = configuration.parent().unwrap_or(Path::new("")).join(RULES_FILE);
    let folder = rules.parent().unwrap_or(Path::new(""));
    for path in [configuration, folder] {
        if path.exists() {
            anyhow::bail!(
                "`{}` is there already, and nothing is written over it (hint: `larder check` says whether it is \
                 good; `--config FILE` names another place)",
                path.display()
            );
        }
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    create(&rules, RULES)?;
    create(configuration, &configuration_for(arguments.upstream.as_ref()))?;
    let named = match file {
        ConfigFile::Named(path) => format!(" --config {}", path.display()),
        ConfigFile::Default => String::new(),
    };
    let first = if arguments.upstream.is_some() { "" } else { "write your server into [upstream], then " };
    print(&format!(
        "wrote {} and {}\nnext: {first}larder check{named} && larder serve{named}",
        configuration.display(),
        rules.display()
    ))
}

/// [`CONFIGURATION`] with this server, and without the line that is for editors of this repository.
fn configuration_for(upstream: Option<&ServerUrl>) -> String {
    let text = CONFIGURATION.lines().filter(|line| !line.starts_with("#:schema")).map(|line| format!("{line}\n"));
    let text: String = text.collect();
    match upstream {
        Some(url) => {
            let url = url.to_string();
            let list = toml::Value::Array(vec![toml::Value::String(url.trim_end_matches('/').to_owned())]);
            text.replacen(SERVERS, &format!("servers = {list}"), 1)
        }
        None => text,
    }
}

/// Writes a file that is not there yet, not even since a moment ago.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_takes_its_place_in_the_configuration() {
        let url: ServerUrl = "http://api.internal:8000".parse().unwrap();
        let text = configuration_for(Some(&url));
        assert!(text.contains("\nservers = [\"http://api.internal:8000\"] "), "{text}");
        assert!(!text.contains(SERVERS) && configuration_for(None).contains(SERVERS));
        assert!(!text.contains("#:schema"), "{text}");
    }
}
