//! `larder changes`: what a database needs so that its changes can be read, and whether it has that.

mod finding;

mod mysql;
mod postgres;

use super::config_file::ConfigFile;
use crate::config::Overrides;
use crate::rules::change::TableName;
use clap::{Args, Subcommand};
use std::collections::{BTreeMap, BTreeSet};

/// What `larder changes` takes.
#[derive(Debug, Args)]
pub(super) struct ChangesArguments {
    #[command(subcommand)]
    command: ChangesCommand,
}

#[derive(Debug, Subcommand)]
enum ChangesCommand {
    /// Print the SQL that the database needs for the `[[change]]` blocks. It changes nothing by itself.
    Plan,
    /// Ask the database of `[events.postgres_changes]` or `[events.mysql_changes]` what is missing, and print how to mend it.
    Verify {
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
}

/// The tables that rules name, each with the columns that they look at.
type Needed = BTreeMap<TableName, BTreeSet<String>>;

/// Runs one of the two.
///
/// # Errors
/// Where the configuration can't be used, the database can't be asked, or something is missing.
pub(super) fn run(file: &ConfigFile, arguments: &ChangesArguments) -> anyhow::Result<()> {
    let config = file.load(&Overrides::default()).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let rules = config.load_rules().map_err(|errors| anyhow::anyhow!("{errors}"))?.rule_set;
    let mut needed = Needed::new();
    for rule in rules.changes() {
        let columns = rules.columns_looked_at(&rule.table).unwrap_or_default();
        needed.insert(rule.table.clone(), columns.into_iter().map(str::to_owned).collect());
    }
    anyhow::ensure!(!needed.is_empty(), "no [[change]] block in the rules names a table");
    match (&arguments.command, &config.postgres_changes, &config.mysql_changes) {
        (ChangesCommand::Plan, Some(options), None) => postgres::plan::run(options, &needed),
        (ChangesCommand::Verify { json }, Some(options), None) => postgres::verify::run(options, &needed, *json),
        (ChangesCommand::Plan, None, Some(options)) => mysql::plan::run(options, &needed),
        (ChangesCommand::Verify { json }, None, Some(options)) => mysql::verify::run(options, &needed, *json),
        (_, None, None) => {
            anyhow::bail!("there is neither [events.postgres_changes] nor [events.mysql_changes] in the configuration")
        }
        (_, Some(_), Some(_)) => anyhow::bail!(
            "[events.postgres_changes] and [events.mysql_changes] are both in the configuration, and whose a table is can't be told: \
             give --config a file with one of them, and the rules of its tables"
        ),
    }
}
