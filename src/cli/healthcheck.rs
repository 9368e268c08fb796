//! `larder healthcheck`: asks a running instance whether it is ready, for containers that have no curl.

use super::client::{AdminClient, Connection, block_on, print};
use super::config_file::ConfigFile;
use anyhow::Context as _;
use clap::Args;
use std::time::Duration;

/// What `larder healthcheck` takes.
#[derive(Debug, Args)]
pub(super) struct HealthcheckArguments {
    /// How long the answer may take.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    connection: Connection,
}

/// Prints the answer of `/readyz`.
///
/// # Errors
/// Where the instance is not ready, or nobody answers in time.
pub(super) fn run(file: &ConfigFile, arguments: &HealthcheckArguments) -> anyhow::Result<()> {
    let client = AdminClient::find(&arguments.connection, || file.admin())?;
    let timeout = arguments.timeout;
    let asked = async { Ok(tokio::time::timeout(timeout, client.get("/readyz", &[])).await) };
    let said =
        block_on(asked)?.with_context(|| format!("no answer within {}", humantime::format_duration(timeout)))??;
    print(&if arguments.connection.json { said.body.to_string() } else { "ready".to_owned() })
}
