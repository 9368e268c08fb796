//! `larder switch`.

use super::client::{AdminClient, Connection, block_on, names, print, printable};
use super::config_file::ConfigFile;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// What `larder switch` takes.
#[derive(Debug, Args)]
pub(super) struct SwitchArguments {
    /// The route and the mode; the mode alone with --all; neither lists the switches that are on. Modes: `bypass` passes
    /// everything through, `stale-only` serves what is stored without refreshing it, `freeze` lets lifetimes not run out,
    /// `normal` ends a switch.
    #[arg(value_name = "ROUTE MODE", num_args = 0..=2)]
    words: Vec<String>,
    /// For all routes.
    #[arg(long)]
    all: bool,
    /// How long the switch is set, e.g. "1h"; it ends by itself.
    #[arg(long = "for", value_name = "DURATION")]
    lasting: Option<String>,
    /// Why, for those who find it set.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Wait this long for every live instance, e.g. "2s"; fail if one has not switched by then.
    #[arg(long, value_name = "DURATION")]
    wait: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    List,
    Switch { route: &'a str, mode: &'a str },
}

impl SwitchArguments {
    fn asked(&self) -> Result<Asked<'_>, &'static str> {
        let options = [&self.lasting, &self.why, &self.wait];
        match (&self.words[..], self.all) {
            ([], false) if options.iter().all(|option| option.is_none()) => Ok(Asked::List),
            ([], _) => Err("say to which MODE: normal, bypass, stale-only or freeze"),
            ([mode], true) => Ok(Asked::Switch { route: "*", mode }),
            ([_], false) => Err("say which ROUTE and which MODE, or --all and the MODE"),
            ([route, mode], false) => Ok(Asked::Switch { route, mode }),
            (_, _) => Err("say either a ROUTE or --all"),
        }
    }
}

/// Sets or ends a switch, and prints what is in force; or lists what is switched.
///
/// # Errors
/// Where the switch is refused, can't be asked for, or has not reached every instance within the wait.
pub(super) fn run(file: &ConfigFile, arguments: &SwitchArguments) -> anyhow::Result<()> {
    let asked = match arguments.asked() {
        Ok(asked) => asked,
        Err(message) => super::Cli::command().error(ErrorKind::WrongNumberOfValues, message).exit(),
    };
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let said = match asked {
        Asked::List => block_on(client.get("/routes", &[]))?,
        Asked::Switch { route, mode } => {
            let path = format!("/routes/{}/switch", utf8_percent_encode(route, NON_ALPHANUMERIC));
            let SwitchArguments { lasting, why, wait, .. } = arguments;
            block_on(client.post(&path, &json!({ "mode": mode, "for": lasting, "why": why, "wait": wait })))?
        }
    };
    print(&if arguments.connection.json { said.body.to_string() } else { render(&said.body) })?;
    if said.status == StatusCode::ACCEPTED {
        anyhow::bail!("the wait ran out: {} have not switched yet", names(&said.body["pending"]));
    }
    Ok(())
}

fn render(said: &Value) -> String {
    let mut lines = Vec::new();
    if let (Some(route), Some(mode)) = (said["route"].as_str(), said["mode"].as_str()) {
        let route = if route == "*" { "all routes" } else { route };
        lines.push(printable(&format!("{route}: {mode} from now on, applied by {}", names(&said["applied"]))));
    }
    let switches = said["switches"].as_array().map_or(&[][..], Vec::as_slice);
    lines.push(if switches.is_empty() { "no switch is on".to_owned() } else { "switches that are on:".to_owned() });
    for switch in switches {
        let text = |field: &str| switch[field].as_str().unwrap_or("?");
        let why = match text("why") {
            "" => String::new(),
            why => format!(": {why}"),
        };
        let line = format!("  {} {} until {}, by {}{why}", text("route"), text("mode"), text("until"), text("who"));
        lines.push(printable(&line));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        arguments: SwitchArguments,
    }

    #[test]
    fn words_and_flags_say_what_is_asked() {
        for (line, expected) in [
            ("", Ok(Asked::List)),
            ("--json", Ok(Asked::List)),
            ("search bypass --for 1h", Ok(Asked::Switch { route: "search", mode: "bypass" })),
            ("--all bypass --for 1h", Ok(Asked::Switch { route: "*", mode: "bypass" })),
            ("bypass --all", Ok(Asked::Switch { route: "*", mode: "bypass" })),
            ("search", Err(())),
            ("--all", Err(())),
            ("--for 1h", Err(())),
            ("--all search bypass", Err(())),
        ] {
            let words = std::iter::once("switch").chain(line.split_whitespace());
            let arguments = Alone::try_parse_from(words).unwrap().arguments;
            assert_eq!(arguments.asked().map_err(|_| ()), expected, "{line}");
        }
    }

    #[test]
    fn what_is_on_reads_as_sentences() {
        let switch =
            json!({"route": "search", "mode": "bypass", "until": "2026-01-01T00:00:00Z", "who": "ops", "why": "ill"});
        let said = json!({"route": "search", "mode": "bypass", "applied": ["one", "two"], "switches": [switch]});
        let expected = "search: bypass from now on, applied by one, two\nswitches that are on:\n  search bypass until \
                        2026-01-01T00:00:00Z, by ops: ill";
        assert_eq!(render(&said), expected);
        assert_eq!(render(&json!({"switches": []})), "no switch is on");
    }
}
