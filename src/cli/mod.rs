//! The command line: one function per command, and the exit codes.
//!
//! Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage.

mod check;
mod client;
pub mod demo;
mod event_sources;
mod explain;
mod fleet;
mod foreground;
mod logging;
mod purge;
mod rules_control;
pub mod serve;

use crate::config::{Config, Overrides};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A read-through caching reverse proxy that stands in front of an HTTP API and keeps every answer true.
#[derive(Debug, Parser)]
#[command(name = "larder", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Try `larder demo` first: it needs no other component and prints the curl lines to try.")]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = "proxy.toml", env = "LARDER_CONFIG")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy: drains on SIGTERM, reloads the rules on SIGHUP and when they change on disk.
    Serve(ServeArguments),
    /// Validate the configuration and the rules, and warn of what can never work.
    Check,
    /// Tell what would happen to a request and why, without doing it.
    Explain(explain::ExplainArguments),
    /// Purge by tag, URL, prefix or route, or everything.
    Purge(purge::PurgeArguments),
    /// Run a sample shop API with the proxy in front, and print the curl lines to try.
    Demo(demo::DemoArguments),
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
    #[arg(long, value_name = "URL", env = "LARDER_REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
    /// Read the rules from this file or folder instead of `rules`.
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
}

impl From<ServeArguments> for Overrides {
    fn from(arguments: ServeArguments) -> Self {
        let ServeArguments { listen, upstream, admin, redis, rules } = arguments;
        Self { listen, upstream, admin, redis, rules }
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(arguments) => foreground::run(&cli.config, &arguments.into()),
        Command::Check => return check::run(&cli.config),
        Command::Explain(arguments) => explain::run(&cli.config, arguments),
        Command::Purge(arguments) => purge::run(&cli.config, arguments),
        Command::Demo(arguments) => demo::run(arguments),
    };
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

/// Loads the configuration, its errors rendered with their places.
fn load(config: &std::path::Path, overrides: &Overrides) -> anyhow::Result<Config> {
    crate::config::load(config, overrides).map_err(|errors| anyhow::anyhow!("{errors}"))
}
