//! The command line: one function per command, and the exit codes.
//!
//! Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage.

mod admin_connection;
mod cdns;
mod certificates;
mod config_file;
mod data_port;
mod event_sources;
mod fleet;
mod help;
mod logging;
mod manual;
mod open_files;
mod service_manager;
mod snapshot;
mod sockets;
mod token_keys;

mod check;
mod client;
mod hot_file;
mod restart_notice;
mod takeover;

mod changes;
mod explain;
mod follow;
mod healthcheck;
mod init;
mod learn;
mod purge;
mod reconfiguring;
mod replay;
mod running;
mod switch;
mod warm;

mod log;
pub(crate) mod serve;
mod stats;
mod top;

pub(crate) mod demo;
mod foreground;

use crate::config::Overrides;
use clap::{Args, Parser, Subcommand};
use config_file::ConfigFile;
use foreground::Start;
use std::path::PathBuf;
use std::process::ExitCode;

/// A read-through caching reverse proxy that stands in front of an HTTP API and keeps every answer true.
#[derive(Debug, Parser)]
#[command(name = "larder", version = crate::version::LINE, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = help::LARDER)]
struct Cli {
    /// The configuration file [default: proxy.toml].
    #[arg(long, global = true, value_name = "FILE", env = "LARDER_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy: drains on SIGTERM, reloads proxy.toml and the rules on SIGHUP, and the rules when they change on disk.
    /// Needs no file where --upstream is given: everything passes through until there are rules.
    #[command(after_help = help::SERVE)]
    Serve(ServeArguments),
    /// Write a first proxy.toml with every key explained, and a first rules file. Never over existing files.
    #[command(after_help = help::INIT)]
    Init(init::InitArguments),
    /// Validate the configuration and the rules, and warn of what can never work.
    #[command(after_help = help::CHECK)]
    Check(check::CheckArguments),
    /// Show what would happen to a request and why, without sending it.
    #[command(after_help = help::EXPLAIN)]
    Explain(explain::ExplainArguments),
    /// Show requests and how they were decided, as they end.
    #[command(after_help = help::LOG)]
    Log(log::LogArguments),
    /// Show the numbers of a running instance on one screen.
    #[command(after_help = help::STATS)]
    Stats(stats::StatsArguments),
    /// Show the busiest keys, the popular search terms and the routes of a running instance, live.
    #[command(after_help = help::TOP)]
    Top(top::TopArguments),
    /// Purge by tag, URL, prefix or route, or everything.
    #[command(after_help = help::PURGE)]
    Purge(purge::PurgeArguments),
    /// Set an incident switch for a route or for all, for a while and for the whole fleet: pass the cache by, serve what is
    /// stored without asking the upstream, or let nothing run out. Without arguments: list those that are on.
    #[command(after_help = help::SWITCH)]
    Switch(switch::SwitchArguments),
    /// Fetch URLs, what a sitemap names, or what an access log names most, before clients ask for it.
    #[command(after_help = help::WARM)]
    Warm(warm::WarmArguments),
    /// Run recorded traffic through the rules in simulated time: hit ratio, upstream requests and memory by route, for the present
    /// rules and for others beside them.
    #[command(after_help = help::REPLAY)]
    Replay(replay::ReplayArguments),
    /// Print the SQL that a database needs so that its changes can be read, or tell what it lacks.
    #[command(after_help = help::CHANGES)]
    Changes(changes::ChangesArguments),
    /// Watch what passes through a running instance, and propose rules from it: routes, lifetimes, what of a request counts,
    /// what looks personal and is left out, each with its evidence. Nothing comes into force.
    #[command(after_help = help::LEARN)]
    Learn(learn::LearnArguments),
    /// Ask a running instance whether it is ready; exits with 1 where it is not. For containers and scripts.
    #[command(after_help = help::HEALTHCHECK)]
    Healthcheck(healthcheck::HealthcheckArguments),
    /// Run a sample shop API with the proxy in front, and print the curl lines to try.
    #[command(after_help = help::DEMO)]
    Demo(demo::DemoArguments),
    /// Print the manual page, or write one for each command.
    #[command(after_help = help::MAN)]
    Man(manual::ManArguments),
    /// Print the script that completes commands and options in a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions(manual::CompletionsArguments),
}

/// What `serve` takes from the command line in place of the configuration file.
#[derive(Debug, Args)]
struct ServeArguments {
    /// Listen here instead of `listen.http`; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Forward to this server instead of `upstream.servers`.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Serve the admin API here instead of `admin.listen`.
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Share with other instances through this Redis instead of `redis.url`.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Read the rules from this file or folder instead of `rules`.
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
    /// Take the place of the process that runs with this configuration, without refusing a connection. It is asked at
    /// `listen.takeover`; where none runs, start anew.
    #[arg(long)]
    takeover: bool,
}

impl From<ServeArguments> for Overrides {
    fn from(arguments: ServeArguments) -> Self {
        let ServeArguments { listen, upstream, admin, redis, rules, takeover: _ } = arguments;
        Self { listen, upstream, admin, redis, rules }
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let file = ConfigFile::new(cli.config);
    let result = match cli.command {
        Command::Serve(arguments) => {
            let start = if arguments.takeover { Start::TakeOver } else { Start::Anew };
            foreground::run(&file, &arguments.into(), start)
        }
        Command::Check(arguments) => return check::run(&file, &arguments),
        Command::Explain(arguments) => explain::run(&file, arguments),
        Command::Log(arguments) => log::run(&file, &arguments),
        Command::Stats(arguments) => stats::run(&file, &arguments),
        Command::Top(arguments) => top::run(&file, arguments),
        Command::Purge(arguments) => purge::run(&file, arguments),
        Command::Switch(arguments) => switch::run(&file, &arguments),
        Command::Warm(arguments) => warm::run(&file, &arguments),
        Command::Replay(arguments) => replay::run(&file, &arguments),
        Command::Learn(arguments) => learn::run(&file, &arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Init(arguments) => init::run(&file, &arguments),
        Command::Changes(arguments) => changes::run(&file, &arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&file, &arguments),
        Command::Man(arguments) => manual::man(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments),
    };
    exit_code(result)
}

/// The exit code; what failed is written to standard error.
fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Writes an error and its causes to standard error, one level a line.
#[expect(clippy::print_stderr, reason = "the command line's own voice")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}
